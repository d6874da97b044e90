"""Milliseconds a row, a picture and a point of the detectors, in turn with their peers.

    pip install pyod
    python benchmarks/detector_speed.py rows       the network of a fitted detector beside PyOD's detector of the kind
    python benchmarks/detector_speed.py pictures   the saved model of `memory` and `padim`, from uint8, beside the plain
                                                   references of benchmarks/scratches.py on the same backbone
    python benchmarks/detector_speed.py points     one point after another into the follower of a run

The training set of `rows` has 2,000 rows of 20 columns, and 10,000 rows are scored; that of `pictures` is bricks. PyOD
has its own defaults, which are ours: 100 trees, 5 neighbours. A first turn is not counted.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from measure import main

import tfpipelines
from tfpipelines import networks
from tfpipelines.core.config.kinds import ROW_AUTOENCODERS

SERIES = ("pca", "forecast", "matrix_profile", "auto")


def in_turn(unit: str, count: int, calls: dict[str, Callable[[], object]], rounds: int) -> None:
    """Prints the median time of each call over `count`, and the ratio of the first to the others."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn:
                times[name].append(1000 * (time.perf_counter() - began) / count)
    medians = {name: statistics.median(values) for name, values in times.items()}
    first, *others = medians
    told = "".join(f"; {name} {medians[name]:.4f} (ratio {medians[first] / medians[name]:.2f})" for name in others)
    print(f"  {first}: {medians[first]:.4f} ms a {unit}{told}", flush=True)


def rows(peers: Path, rounds: int) -> None:
    """Each fitted detector of tables beside PyOD's."""
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN
    from pyod.models.mcd import MCD
    from pyod.models.pca import PCA

    random = np.random.default_rng(0)
    mix = random.normal(size=(6, 20))
    made = lambda count: (random.normal(size=(count, 6)) @ mix + random.normal(size=(count, 20))).astype(np.float32)
    train, asked = made(2_000), made(10_000)
    center, spread = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    scaled = lambda values: (values - center) / spread
    normals = networks.Normals(train, center, spread)
    others = {"pca": PCA(), "gaussian": MCD(random_state=0), "knn": KNN(), "isolation_forest": IForest(random_state=0)}
    for name, other in others.items():
        network = networks.build_network(ROW_AUTOENCODERS.section(name)(), normals=normals, seed=0, for_training=False)
        other.fit(scaled(train))
        calls = {
            name: lambda network=network: network.predict(asked, batch_size=2048, verbose=0)["score"],
            f"PyOD {type(other).__name__}": lambda other=other: other.decision_function(scaled(asked)),
        }
        in_turn("row", len(asked), calls, rounds)


def pictures(peers: Path, rounds: int) -> None:
    """`memory` and `padim` from uint8, beside the references."""
    import keras
    from scratches import padim, patch_core

    from tfpipelines.core import config
    from tfpipelines.networks import backbones
    from tfpipelines.networks.backbones.deep_features import place_features
    from tfpipelines.tasks.anomaly import part_of

    source = config.backbone_source("efficientnet-lite0")
    for name, reference, strides, wide in (("memory", patch_core, (8, 16), 3), ("padim", padim, (4, 8, 16), 1)):
        with tempfile.TemporaryDirectory() as folder:
            fields = [f"model.name={name}", "evaluation.baselines=false", "evaluation.bootstrap=0"]
            run = tfpipelines.run("anomaly", fields, out=folder, observer=tfpipelines.Observer())
            whole = keras.saving.load_model(run.folder / "model.keras")
            model, side = part_of(whole, "score"), int(whole.output["map"].shape[1])
        images = np.random.default_rng(0).integers(0, 256, (256, side, side, 3)).astype(np.uint8)
        backbone = backbones.load_backbone(source, size=(side, side))
        extractor = keras.Model(*place_features((side, side, 3), backbone, neighbours=wide, strides=strides))
        score = reference(features(extractor, images[:64]))
        calls = {
            f"{name}, {side} pixels": partial(model.predict, images, batch_size=32, verbose=0),
            "reference": partial(lambda *given: given[0](features(*given[1:])), score, extractor, images),
        }
        in_turn("picture", len(images), calls, rounds)


def features(extractor, images: np.ndarray) -> np.ndarray:
    """Of each place, by the bare backbone."""
    return extractor.predict(images.astype(np.float32), batch_size=32, verbose=0)


def points(peers: Path, rounds: int) -> None:
    """Points of the sample pressure, one by one."""
    values = np.random.default_rng(0).normal(90, 10, 2_000)
    for name in SERIES:
        with tempfile.TemporaryDirectory() as folder:
            fields = [f"model.name={name}", "evaluation.baselines=false", "evaluation.bootstrap=0"]
            run = tfpipelines.run("anomaly-series", fields, out=folder, observer=tfpipelines.Observer())
            follower = tfpipelines.load(run.folder).follower()
            [follower.answer([{"value": value}]) for value in values[:200]]
            times = []
            for value in values[200:]:
                began = time.perf_counter()
                follower.answer([{"value": value}])
                times.append(1000 * (time.perf_counter() - began))
        low, middle, high = np.percentile(times, [5, 50, 99])
        print(f"  {name}: median {middle:.2f} ms a point (5 % {low:.2f}, 99 % {high:.2f})", flush=True)


if __name__ == "__main__":
    main(__doc__, {"rows": rows, "pictures": pictures, "points": points})
