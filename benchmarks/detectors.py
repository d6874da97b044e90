"""Measures the detectors of tables: test AUROC of each beside isolation forest, k nearest neighbours, local outlier
factor and PCA of scikit-learn, with the settings that PyOD has as defaults.

    python benchmarks/detectors.py                   sets of scikit-learn, each class normal in turn, and made tables
    python benchmarks/detectors.py TABLE...          files with labels, or sample:NAME; of an .npz of images x and their
                                                     classes y, or a .csv with a column `class`, each class in turn
    python benchmarks/detectors.py --seeds 3 ...     mean of seeds 0, 1, 2

Defaults were chosen by the first ones, with scikit-learn alone. All methods are fitted to the training rows of the run,
scaled by their mean and deviation, and judged by its test rows.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

import tfpipelines
from tfpipelines import networks
from tfpipelines.core.config.kinds import ROW_AUTOENCODERS
from tfpipelines.tasks import new_task
from tfpipelines.tasks.anomaly import Reconstruction
from tfpipelines.tasks.base import checked

FITTED = ("pca", "gaussian", "knn", "isolation_forest")
PEERS = ("IForest", "KNN", "LOF", "PCA", "residual")  # the last one: PCA as the report has it


# --- sets
def made() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, normal rows, odd rows) of made tables."""
    r = np.random.default_rng(0)
    mix = r.normal(size=(3, 12))
    rows = r.normal(size=(700, 3)) @ mix + 0.15 * r.normal(size=(700, 12))
    broken = np.where(
        r.random((120, 12)) < 0.3, np.stack([r.permutation(column) for column in rows.T], 1)[:120], rows[:120]
    )
    yield "correlated, broken", rows[120:], broken
    centers = r.normal(size=(3, 6)) * 4
    pairs = r.integers(0, 3, (100, 2))
    pairs[:, 1] = (pairs[:, 0] + 1 + r.integers(0, 2, 100)) % 3
    yield (
        "between clusters",
        centers[r.integers(0, 3, 800)] + r.normal(size=(800, 6)),
        (centers[pairs].mean(1) + r.normal(size=(100, 6))),
    )
    odd = r.standard_t(3, size=(100, 20))
    odd[:, :3] += 4
    yield "heavy tails, shifted", r.standard_t(3, size=(600, 20)), odd
    angle = r.uniform(0, 2 * np.pi, 800)
    ring = 3 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.2 * r.normal(size=(800, 2))
    noise = lambda count: 0.5 * r.normal(size=(count, 4))
    inside = 0.8 * r.normal(size=(100, 2))
    yield "inside of a ring", np.hstack([ring, noise(800)]), np.hstack([inside, noise(100)])
    mix = 0.4 * r.normal(size=(10, 10)) + np.eye(10)
    positive = lambda count: np.exp(0.5 * r.normal(size=(count, 10)) @ mix)
    odd = positive(100)
    odd[np.arange(100), r.integers(0, 10, 100)] *= 6
    yield "lognormal, one larger", positive(600), odd
    yield "wider", r.normal(size=(500, 15)), 1.5 * r.normal(size=(100, 15))
    mix = r.normal(size=(4, 20))
    few = lambda count: r.normal(size=(count, 4)) @ mix + 0.3 * r.normal(size=(count, 20))
    yield "few, correlated", few(120), few(40) + r.normal(size=(40, 20))


def of_classes(name: str, x: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Each class normal in turn."""
    for label in np.unique(y):
        yield f"{name} {label}", x[y == label], x[y != label]


def usual_sets() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Those that defaults were chosen by."""
    yield from of_classes("wine", *datasets.load_wine(return_X_y=True))
    yield from of_classes("iris", *datasets.load_iris(return_X_y=True))
    x, y = datasets.load_breast_cancer(return_X_y=True)
    yield "breast cancer", x[y == 1], x[y == 0]
    yield from of_classes("digits", *datasets.load_digits(return_X_y=True))
    yield from made()


def as_table(path: Path, normal: np.ndarray, odd: np.ndarray) -> str:
    """Writes rows with their labels."""
    frame = pd.DataFrame(np.concatenate([normal, odd]), columns=[f"x{place}" for place in range(normal.shape[1])])
    frame.assign(label=["normal"] * len(normal) + ["odd"] * len(odd)).to_csv(path, index=False)
    return str(path)


def tables(paths: list[str], home: Path) -> Iterator[tuple[str, str]]:
    """(name, path of a table)."""
    sets: list[tuple[str, np.ndarray, np.ndarray]] = []
    for path in paths:
        classes = pd.read_csv(path) if path.endswith(".csv") else pd.DataFrame()
        if path.endswith(".npz"):
            with np.load(path) as archive:
                sets += of_classes(
                    Path(path).stem, archive["x"].reshape(len(archive["x"]), -1).astype(float), archive["y"]
                )
        elif "class" in classes:
            sets += of_classes(
                Path(path).stem, classes.drop(columns="class").to_numpy(float), classes["class"].to_numpy()
            )
        else:
            yield path, path
    for number, (name, normal, odd) in enumerate(sets if paths else usual_sets()):
        yield name, as_table(home / f"{number}.csv", normal, odd)


# --- methods
def peers(train: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Scores of rows by each of `PEERS`."""
    yield -IsolationForest(n_estimators=100, random_state=0).fit(train).score_samples(rows)
    count = lambda most: min(most, len(train) - 1)
    yield NearestNeighbors(n_neighbors=count(5)).fit(train).kneighbors(rows)[0][:, -1]
    yield -LocalOutlierFactor(n_neighbors=count(20), novelty=True).fit(train).score_samples(rows)
    known = PCA().fit(train)  # as PyOD has it: distances from the components, by the share of the variance of each
    apart = np.stack([np.linalg.norm(rows - one, axis=1) for one in known.components_], 1)
    yield (apart / np.maximum(known.explained_variance_ratio_, 1e-12)).sum(1)
    yield Reconstruction().fit(train).score(rows)


def measured(path: str, seed: int, home: Path) -> tuple[dict[str, float], str]:
    """Test AUROC of each method on a table, and the detector that was chosen."""
    import keras

    keras.backend.clear_session()
    overrides = {"data.path": path, "seed": seed, "evaluation.baselines": False, "evaluation.bootstrap": 0}
    run = tfpipelines.run("anomaly-table", overrides, out=home, observer=tfpipelines.Observer())
    chosen = next(entry["name"] for entry in run.metrics["candidates"] if entry["chosen"])
    samples = checked(new_task(run.pipeline)).samples
    test = samples.rows("test")
    values, odd = samples.store.features, samples.frame.loc[test, "anomalous"].to_numpy(bool)
    train, rows = values[samples.rows("train")], values[test]
    center, spread = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    area = lambda scores: float(roc_auc_score(odd, scores))
    scaled = lambda some: (some - center) / np.where(spread > 0, spread, 1.0)
    found = dict(zip(PEERS, map(area, peers(scaled(train), scaled(rows)))))
    normals = networks.Normals(train, center, spread)
    for name in FITTED:
        section = ROW_AUTOENCODERS.section(name)()
        network = networks.build_network(section, normals=normals, seed=seed, for_training=False)
        found[name] = area(network.predict(rows, batch_size=2048, verbose=0)["score"])
    return {**found, "auto": run.metrics["test"]["roc_auc"]}, chosen


def main() -> None:
    """Reads the command line, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    every: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name, path in tables(arguments.tables, home):
            told = [measured(path, seed, home / "runs") for seed in range(arguments.seeds)]
            figures = {method: statistics.mean(one[method] for one, _ in told) for method in told[0][0]}
            if not every:
                print(f"{'set':<24}" + "".join(f"{method[:9]:>10}" for method in figures) + "   auto - best peer")
            best = max(figures[method] for method in PEERS)
            shown = "".join(f"{value:10.3f}" for value in figures.values())
            chosen = ", ".join(dict.fromkeys(one for _, one in told))
            print(f"{name[-24:]:<24}{shown}{figures['auto'] - best:10.3f}   {chosen}", flush=True)
            every.append({**figures, "best": best})
    mean = {method: statistics.mean(one[method] for one in every) for method in every[0]}
    print(f"{'mean':<24}" + "".join(f"{mean[method]:10.4f}" for method in figures))
    single = max(PEERS, key=lambda method: mean[method])
    worst = min(one["auto"] - one["best"] for one in every)
    print(f"best single peer: {single} {mean[single]:.4f}; best peer of each set: {mean['best']:.4f}")
    print(f"auto: {mean['auto']:.4f}, at worst {worst:+.3f} from the best peer of a set")


if __name__ == "__main__":
    sys.exit(main())
