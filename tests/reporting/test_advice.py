"""Advice follows from figures that pass a limit, and from no others."""

import pytest

from tfpipelines.reporting.advice import advice, best_epoch
from tfpipelines.reporting.reading import read_facts

from .conftest import PIPELINE, history

CLASSES = {"a": 100, "b": 100}
DATA = {
    "classes": ["a", "b"],
    "counts": {"train": {"a": 400, "b": 400}, "validation": CLASSES, "test": CLASSES},
    "rows": {"train": 800, "validation": 200, "test": 200},
}
METRICS = {
    "test": {"accuracy": 0.9, "ece": 0.02},
    "intervals": {"accuracy": [0.87, 0.93]},
    "samples": 200,
    "best_epoch": 7,
    "per_class": {"a": {"recall": 0.92, "f1": 0.9, "support": 100}, "b": {"recall": 0.88, "f1": 0.9, "support": 100}},
}


def epochs(losses, accuracy=0.92, unseen=0.9):
    return history(
        [
            {
                "epoch": number,
                "accuracy": accuracy,
                "loss": loss,
                "val_accuracy": unseen,
                "val_loss": loss,
                "learning_rate": 0.1,
                "seconds": 1,
            }
            for number, loss in enumerate(losses, 1)
        ]
    )


GOOD = [1.0, 0.8, 0.6, 0.5, 0.45, 0.42, 0.4, 0.41, 0.42, 0.43]


def codes(made_up, data=DATA, metrics=METRICS, rows=None, **more):
    folder = made_up({"data.json": data, "metrics.json": metrics, "history.csv": rows or epochs(GOOD), **more})
    return {entry.code: entry for entry in advice(read_facts(folder))}


def test_nothing_to_say_of_a_good_run(made_up):
    assert codes(made_up) == {}


@pytest.mark.parametrize(
    ("code", "change", "said"),
    [
        (
            "train_longer",
            {"metrics": {**METRICS, "best_epoch": 10}, "rows": epochs([1 / number for number in range(1, 11)])},
            ("10 epochs", "train.epochs=20"),
        ),
        ("overfitting", {"rows": epochs(GOOD, accuracy=0.999)}, ("0.9990", "0.9000", "model.dropout", "data.augment")),
        ("few_samples", {"data": {**DATA, "counts": {**DATA["counts"], "train": {"a": 40, "b": 19}}}}, ("b (19)",)),
        (
            "uneven_classes",
            {"data": {**DATA, "counts": {**DATA["counts"], "train": {"a": 4000, "b": 399}}}},
            ("data.class_weights=balanced",),
        ),
        (
            "miscalibrated",
            {
                "metrics": {
                    **METRICS,
                    "test": {"accuracy": 0.9, "ece": 0.12},
                    "temperature": 1.3,
                }
            },
            ("0.1200", "200 validation samples"),
        ),
        (
            "low_recall",
            {
                "metrics": {
                    **METRICS,
                    "per_class": {
                        "a": {"recall": 0.95, "f1": 0.9, "support": 100},
                        "b": {"recall": 0.5, "f1": 0.5, "support": 100},
                    },
                },
                "data": {**DATA, "rows": {**DATA["rows"], "test": 1}},
                "predictions.csv": "item,label,predicted,a,b\n1,b,a,0.7,0.3\n",
            },
            ("50.0 %", "predicted as a (1 of 100)"),
        ),
        (
            "no_better_than_guessing",
            {"metrics": {**METRICS, "test": {"accuracy": 0.52}, "intervals": {"accuracy": [0.48, 0.56]}}},
            ("0.5200", "may not be better"),
        ),
        (
            "worse_than_baseline",
            {"metrics": {**METRICS, "baselines": {"linear": {"accuracy": 0.99}}}},
            ("linear 0.9900. Train longer",),
        ),
        (
            "worse_than_baseline",
            {
                "metrics": {
                    **METRICS,
                    "baselines": {"linear": {"accuracy": 0.99}},
                    "baseline_differences": {"linear": {"difference": 0.04, "low": -0.01, "high": 0.09}},
                }
            },
            ("(difference 0.0400, paired 95% interval -0.0100 to 0.0900, so it may be chance)",),
        ),
        ("small_test", {"metrics": {**METRICS, "intervals": {"accuracy": [0.8, 0.95]}}}, ("0.8000 to 0.9500",)),
        (
            "no_test",
            {
                "metrics": {"validation": {"accuracy": 0.9}},
                "data": {**DATA, "rows": {"train": 800, "validation": 200, "test": 0}},
            },
            ("no test split",),
        ),
        (
            "finding_leak",
            {
                "data": {
                    **DATA,
                    "findings": [
                        {
                            "code": "leak",
                            "severity": "warning",
                            "message": "1 sample in more than one split",
                            "remedy": "Remove the copies.",
                            "items": [],
                            "count": 1,
                        }
                    ],
                }
            },
            ("Remove the copies.",),
        ),
    ],
)
def test_each_piece_of_advice_names_its_figures(made_up, code, change, said):
    found = codes(made_up, **change)
    assert set(found) == {code}
    assert all(part in f"{found[code].text} {found[code].command}" for part in said)


def test_just_inside_of_a_limit_is_nothing_to_say(made_up):
    assert codes(made_up, metrics={**METRICS, "best_epoch": 10}, rows=epochs([*GOOD[:7], 0.4, 0.4, 0.395])) == {}
    assert codes(made_up, rows=epochs(GOOD, accuracy=0.94)) == {}
    assert (
        codes(made_up, metrics={**METRICS, "test": {"accuracy": 0.9, "ece": 0.06}}) == {}
    )  # few rows alone may give that
    assert codes(made_up, data={**DATA, "counts": {**DATA["counts"], "train": {"a": 20, "b": 200}}}) == {}


def test_what_has_learned_nothing_has_not_learned_by_heart(made_up):
    found = codes(
        made_up,
        metrics={**METRICS, "test": {"accuracy": 0.5}, "intervals": {}},
        rows=epochs(GOOD, accuracy=0.7, unseen=0.5),
    )
    assert set(found) == {"no_better_than_guessing"} and "is not better" in found["no_better_than_guessing"].text


def test_a_diverged_run_gets_a_lower_rate(made_up):
    folder = made_up({}, state="failed", reason="Training diverged: loss is nan at epoch 2.", pictures=())
    (entry,) = advice(read_facts(folder))
    assert (
        entry.code == "diverged"
        and entry.command == f"tfpipe run {folder}/pipeline.yaml train.learning_rate=0.001"
        and PIPELINE["train"]["learning_rate"] == 0.003
    )


def test_a_fold_is_resumed_by_the_whole(made_up):
    whole = made_up({}, name="cv", state="interrupted", pictures=())
    fold = made_up({}, name="cv/fold-0", state="running", fold=0, pictures=())
    assert {advice(read_facts(folder))[0].command for folder in (whole, fold)} == {f"tfpipe resume {whole}"}


def test_the_kept_epoch_is_found_where_it_is_not_recorded(made_up):
    assert best_epoch(read_facts(made_up({"history.csv": epochs(GOOD)}))) == 7
    assert best_epoch(read_facts(made_up({}, name="none"))) == 0
