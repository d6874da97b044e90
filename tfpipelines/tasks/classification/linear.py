"""Linear models of the texts of a run: fitted once for each network, blended with others, fitted again in the end."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from tfpipelines import datasets, evaluation, models, networks

from ..blending import blended
from ..trainable import Combination, Trained
from .encoders import SentenceFeatures, encoder_of, input_name
from .ngrams import kinds_of_network

_FOLDS = 5  # of the validation rows, by which it is decided whether trained networks belong to a blend
_STREAM = 4  # of random numbers
_LEAST_SHARE = 0.02  # of the sum of all weights; parts with less are left out


class Rows(NamedTuple):
    """Labelled rows.

    Args:
        rows: numbers of the texts.
        targets, weights: see `networks.Labelled`.
        groups: rows of a group are in one fold, int (rows,).
    """

    rows: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None
    groups: np.ndarray


class LinearFits:
    """The linear models of a run.

    Args:
        store: ids of all texts.
        vectors: of the kinds of n-grams that have them: float32 (n-grams, numbers), and the weight of each.
        names: how many n-grams each kind has.
        encoders: sentence encoders, by the names of their inputs.
        train: the training rows.
        validation: the validation rows; None without.
        outputs: see `networks.Labelled`.
        seed: of the folds.
    """

    def __init__(
        self,
        store: Any,
        vectors: dict[str, tuple[np.ndarray, np.ndarray]],
        names: dict[str, int],
        encoders: dict[str, SentenceFeatures],
        train: Rows,
        validation: Rows | None,
        outputs: int,
        seed: int,
    ):
        self.store, self.vectors, self.names, self.encoders = store, vectors, names, encoders
        self.train, self.validation, self.outputs, self.seed = train, validation, outputs, seed
        self._fits: dict[str, networks.LinearTexts] = {}  # to training and validation rows
        self._of_training: dict[str, networks.LinearTexts] = {}
        self._kinds: dict[str, networks.Grams] = {}

    @cached_property
    def both(self) -> Rows:
        """Training and validation rows."""
        if self.validation is None:
            return self.train
        parts = zip(self.train, self.validation)
        joined = [None if one is None or other is None else np.concatenate([one, other]) for one, other in parts]
        return Rows(*joined)  # type: ignore[arg-type]

    def of_training(self, network: Any) -> "networks.LinearTexts":
        """The model of the training rows alone, strength and scale chosen on the validation rows, too.

        Args:
            network: its section `model`.
        """
        if self.validation is None:
            return self.of_both(network)
        key, chosen = network.model_dump_json(), self.of_both(network)
        if key not in self._of_training:
            decay = chosen.weight_decay
            if network.weight_decay == "auto":
                decay *= len(self.both.rows) / len(self.train.rows)  # the same strength
            self._of_training[key] = self._fitted(network, self.train, scale=chosen.scale, weight_decay=decay)
        return self._of_training[key]

    def of_both(self, network: Any) -> "networks.LinearTexts":
        """The model of the training and validation rows."""
        key, decay = network.model_dump_json(), network.weight_decay
        if key not in self._fits:
            how = {"scale": getattr(network, "scale", "idf"), "weight_decay": None if decay == "auto" else decay}
            self._fits[key] = self._fitted(network, self.both, out_of_fold=True, **how)
        return self._fits[key]

    def _fitted(self, network: Any, known: Rows, **how: Any) -> "networks.LinearTexts":
        kinds = [self._kind(name) for name in inputs_of(network)]
        labelled = networks.Labelled(kinds, *known[:2], self.outputs, *known[2:])
        return networks.fit_texts(labelled, seed=self.seed, **how)

    def _kind(self, name: str) -> "networks.Grams | networks.Vectors":
        if name in self.encoders:
            return networks.Vectors(self.encoders[name].vectors(self.both.rows))
        if name not in self._kinds:
            ids = self.store.inputs[name]
            counts = networks.counts_of(ids.flat, ids.splits, self.names[name], datasets.FIRST)
            self._kinds[name] = networks.Grams(counts, *self.vectors.get(name, ()))
        return self._kinds[name]

    # --- blends
    def combine(
        self, trained: list[Trained], linear: list[bool], outputs: dict[int, np.ndarray], name: str
    ) -> Combination | None:
        """A blend of linear models and trained networks, weights learned by cross-validation.

        The weights of linear models have the least loss of what models of the other folds tell of the training and
        validation rows. A trained network has learned from all training rows, so what it tells of the validation rows
        counts alone; it is left out unless that makes the loss of rows lower that had no say in its weight, by more
        than the standard error.

        Args:
            trained: the candidates.
            linear: whether each is a linear model.
            outputs: of the others for the validation rows, by their numbers, float (rows, outputs).
            name: of the network.

        Returns:
            None where the rows are too few to tell.
        """
        numbers = [number for number, is_linear in enumerate(linear) if is_linear]
        told = {number: self.of_both(trained[number].pipeline.model).out_of_fold for number in numbers}
        if not numbers or any(one is None for one in told.values()):
            return None
        known = {number: one.astype(np.float64) for number, one in told.items() if one is not None}
        shares = self._shares(known, self.both.targets, self.both.weights)
        if self.validation is not None and outputs:
            first = len(self.train.rows)
            base = sum(share * known[number][first:] for number, share in shares.items())
            factor, others = self._with_networks(np.asarray(base), outputs)
            shares = {number: share * factor for number, share in shares.items()} | others
        if not any(share > 0 for share in shares.values()):  # nothing is better than to say how frequent classes are
            losses = {
                number: networks.loss_of(one, self.both.targets, self.both.weights) for number, one in known.items()
            }
            shares = {min(losses, key=lambda number: losses[number]): 1.0}
        parts = [number for number in range(len(trained)) if shares.get(number, 0) > 0]
        fields = {one.label: round(float(shares.get(number, 0.0)), 4) for number, one in enumerate(trained)}
        if len(parts) == 1:
            return Combination(None, fields, sole=parts[0], decides=True)
        names = {*self.store.inputs}
        network = blended(name, [(trained[number], float(shares[number])) for number in parts], names, models.IDS)
        return Combination(network, fields, decides=True)

    def _shares(self, told: dict[int, np.ndarray], targets: np.ndarray, weights: np.ndarray | None) -> dict[int, float]:
        """Weights, none negative, with the least loss of their sum; small ones are left out."""
        while True:
            shares = dict(zip(told, _least_loss(list(told.values()), targets, weights)))
            small = min(shares, key=lambda number: shares[number])
            if len(shares) == 1 or shares[small] >= _LEAST_SHARE * sum(shares.values()):
                return shares
            told = {number: one for number, one in told.items() if number != small}

    def _with_networks(self, base: np.ndarray, outputs: dict[int, np.ndarray]) -> tuple[float, dict[int, float]]:
        """What the linear models' weights are multiplied by, and the weights of those networks that help."""
        assert self.validation is not None
        targets, weights = self.validation.targets, self.validation.weights
        kept: dict[int, float] = {}
        factor = 1.0
        _, first, members = np.unique(self.validation.groups, return_index=True, return_inverse=True)
        if len(first) < 2 * _FOLDS:
            return factor, {}
        in_order = np.argsort(np.argsort(first))[members]  # groups by their first rows
        folds = (np.random.default_rng([self.seed, _STREAM]).permutation(len(first)) % _FOLDS)[in_order]
        before = networks.losses_of(base, targets)
        for number, told in outputs.items():
            columns = [base, *(outputs[other] for other in kept), told.astype(np.float64)]
            after = np.zeros(len(base))
            for fold in range(_FOLDS):
                inside, held_out = folds != fold, folds == fold
                some = None if weights is None else weights[inside]
                shares = _least_loss([column[inside] for column in columns], targets[inside], some)
                mixed = sum(share * column[held_out] for share, column in zip(shares, columns))
                after[held_out] = networks.losses_of(np.asarray(mixed), targets[held_out])
            gain = before - after
            if weights is not None and weights.ndim == 1:
                gain = gain * weights / weights.mean()
            if gain.mean() <= gain.std(ddof=1) / np.sqrt(len(gain)):
                continue
            shares = _least_loss(columns, targets, weights)
            factor, kept = float(shares[0]), dict(zip([*kept, number], map(float, shares[1:])))
            before = after
        return factor, kept


def _least_loss(columns: Sequence[np.ndarray], targets: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The weights, none negative, of a sum with the least loss."""
    from scipy.optimize import minimize

    loss = lambda shares: networks.loss_of(
        np.asarray(sum(share * column for share, column in zip(shares, columns))), targets, weights
    )
    start = np.full(len(columns), 1.0 / len(columns))
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(0.0, None)] * len(columns))
    return np.maximum(found.x, 0.0)


def linear_parts(network: Any) -> "list[tuple[Any, float]] | None":
    """The linear models that a network consists of, and what the outputs of each are multiplied by; None if it is
    anything else.
    """
    names = {layer.name for layer in network.layers}
    if "intercept" in names:
        return [(network, 1.0)]
    parts: list[tuple[Any, float]] = []
    while f"part{len(parts)}" in names:
        part, share = (network.get_layer(f"{kind}{len(parts)}") for kind in ("part", "share"))
        if "intercept" not in {layer.name for layer in part.layers}:
            return None
        parts.append((part, float(share.scale)))
    return parts or None


def gram_tables(
    network: Any, preprocessor: "models.TextPreprocessor", whole: bool = True
) -> "list[evaluation.GramTable] | None":
    """The n-grams of a network that consists of linear models; None if it is anything else.

    Args:
        whole: whether n-grams must be all that it takes: a sentence encoder reads tokens of its own.
    """
    if not preprocessor.kinds or (parts := linear_parts(network)) is None:
        return None
    tables = []
    if whole and any(tensor.name not in preprocessor.kinds for part, _ in parts for tensor in part.inputs):
        return None
    for part, share in parts:
        for kind, (cutter, names) in preprocessor.kinds.items():
            if f"{kind}_weights" not in {layer.name for layer in part.layers}:
                continue
            table = part.get_layer(f"{kind}_weights").get_weights()[0][datasets.FIRST :].astype(np.float64)
            how = cutter.standardize or ""
            given = (
                cutter.split == "character",
                cutter.ngrams or (1,),
                "lower" in how,
                models.STRIPPED * ("strip" in how),
            )
            tables.append(evaluation.GramTable(names, table, *given, preprocessor.max_ngrams, share))
    return tables


def set_fitted(network: Any, fitted: "networks.LinearTexts", model: Any) -> None:
    """Gives a network of a linear model the weights of another fit."""
    networks.set_linear_weights(network, fitted, inputs_of(model))


def inputs_of(model: Any) -> tuple[str, ...]:
    """The names of the inputs of a linear model.

    Args:
        model: its section `model`.
    """
    encoder = encoder_of(model)
    return (*(kind.name for kind in kinds_of_network(model)), *((input_name(encoder),) if encoder else ()))
