"""Sentence encoders of linear models: which they are, and their features, computed once and kept on disk."""

import re
import time
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

import numpy as np

from tfpipelines import datasets
from tfpipelines.core import config
from tfpipelines.core.words import counted
from tfpipelines.errors import ConfigError
from tfpipelines.networks import backbones

_FIELD = "model.encoder"
_BATCH = 64  # texts


def encoder_of(network: Any) -> str | None:
    """The sentence encoder that a network takes; None: none.

    Args:
        network: a section `model`.
    """
    if network.origin.kind.own or dict(network)["name"] != "features":  # others may have a field of that name
        return None
    chosen = config.text_encoder(network.encoder)
    return None if chosen == config.WORDS_ENCODER else chosen


def encoders_of(networks: Iterable[Any]) -> dict[str, str]:
    """Those of several networks, {name of the input: encoder}.

    Raises:
        ConfigError: if two would have the same name.
    """
    found: dict[str, str] = {}
    for network in networks:
        encoder = encoder_of(network)
        if encoder and found.setdefault(input_name(encoder), encoder) != encoder:
            cause = f"{_FIELD}: {encoder} and {found[input_name(encoder)]} end with the same name."
            raise ConfigError(cause, "Rename one of the folders.")
    return found


def input_name(encoder: str) -> str:
    """The name of the input of token ids for an encoder."""
    parts = PurePath(encoder.split(":", 1)[-1]).parts
    named = parts[-2] if encoder.startswith("package:") and len(parts) > 1 else parts[-1]
    return "pieces_" + re.sub(r"[^a-z0-9]+", "_", named.lower()).strip("_")


def require_encoder(network: Any) -> list[str]:
    """Refuses an encoder that is not there; what the user should know before the run.

    Raises:
        ConfigError: if it is no preset of KerasHub, or something must be installed for it.
    """
    encoder = encoder_of(network)
    if encoder is None:
        return []
    source = config.text_source(encoder, _FIELD)
    if source.location.startswith("/"):
        return []
    return [f"{encoder} is taken from the cache of its hub, or fetched over the network if it is not there"]


class SentenceFeatures:
    """The features of the texts of a run by one encoder.

    Args:
        name: of the input.
        encoder: as the pipeline has it.

    Attributes:
        told: what there is to say of what has been computed, sentences without a stop.
    """

    def __init__(self, name: str, encoder: str):
        self.name, self.encoder, self.told = name, encoder, list[str]()
        source = config.text_source(encoder, _FIELD)
        self._loaded = backbones.load_sentence_encoder(source, name, _FIELD)
        self.tokens, self.model = self._loaded
        self._sha256 = backbones.weights_hash(self.model)

    def begin(self, texts: list[str], fingerprints: Any) -> None:
        """Takes the texts of a run.

        Args:
            texts: by row.
            fingerprints: of their content, a Series of uint64 with the rows in use as index.
        """
        self.sequences = datasets.Sequences.of(*self.tokens.cut(texts))
        self._fingerprints = fingerprints
        self._known = np.zeros(len(texts), bool)
        self._values = np.zeros((len(texts), self.model.output.shape[-1]), np.float32)

    def of_network(self, alone: bool) -> Any:
        """What makes the features inside a network.

        Args:
            alone: whether no other network of a blend has it.
        """
        return self.model if alone else self._loaded.copy()

    def facts(self) -> dict[str, Any]:
        """What data.json says of it."""
        tokens = int(self.sequences.lengths[self._fingerprints.index].sum())
        parameters = self.model.count_params()
        return {"name": self.encoder, "parameters": parameters, "weights_sha256": self._sha256, "tokens": tokens}

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """The features by row of the run, float32 (texts, width); those of some rows are there for sure."""
        missing = np.unique(rows[~self._known[rows]])
        if not len(missing):
            return self._values
        key = {"weights": self._sha256, "tokens": self.tokens.settings(), "pooling": "mean, length 1"}
        began = time.perf_counter()

        fingerprints = self._fingerprints.loc[missing].to_numpy(np.uint64)
        cache = datasets.FeatureCache(key)
        self._values[missing], computed = cache.get(fingerprints, lambda places: self._computed(missing[places]))
        self._known[missing] = True
        seconds, found = time.perf_counter() - began, len(missing) - computed
        of_cache = f", {found:,} of them found in the cache" if found else ""
        self.told.append(f"features of {counted(len(missing), 'text')} by {self.encoder}: {seconds:.1f} s{of_cache}")
        return self._values

    def _computed(self, rows: np.ndarray) -> np.ndarray:
        store = datasets.TextStore({self.name: self.sequences})
        batches, places = datasets.evaluation_text_batches(store, rows, None, batch_size=_BATCH)
        return self.model.predict(batches, verbose=0)[places]
