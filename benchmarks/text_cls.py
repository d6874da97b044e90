"""Measures the text-cls pipeline beside its peers, turn by turn, and prints medians and their ratios.

    python benchmarks/text_cls.py speed     epoch time of one BiLSTM beside plain Keras (padded) and PyTorch (packed;
                                            needs torch)
    python benchmarks/text_cls.py quality   test accuracy over seeds 0, 1, 2 beside TF-IDF with logistic regression and
                                            plain Keras
    python benchmarks/text_cls.py sizes     accuracy by the number of labelled rows, of each network and of TF-IDF with
                                            logistic regression, on the training and validation rows of a table
    python benchmarks/text_cls.py folds     the default beside TF-IDF with logistic regression, 5 times 2-fold
                                            cross-validation of those rows
    python benchmarks/text_cls.py vectors   a BiLSTM with and without the word vectors of the package, seed 0, by rows;
                                            measured on validation rows, without the test split

`--peers DIR` names another folder with the reviews_*.py scripts, `--rounds N` the number of turns. A quiet machine is
needed for times: nothing else should run. `TABLE=FILE.csv` in the environment names another table for `sizes` and
`folds`, with the columns text, label and split; its test rows are left out.
"""

import os
import sys
import tempfile
from pathlib import Path

import pandas as pd
from measure import epoch_seconds, figure, main, report, report_quality, test_accuracy, tfpipe_run, timed
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union

HERE = Path(__file__).resolve().parent
REVIEWS = HERE.parent / "data" / "reviews" / "reviews.csv"
PLAIN = ["model.wide.words=0", "model.wide.characters=[]"]
SAME_NETWORK = [  # as the peers have it; theirs have embeddings of 20,000 words, of which the data hold 15,934
    "model.name=bilstm", *PLAIN, "model.units=64", "model.embedding=64", "model.pooling=last", "model.dense=64",
    "model.dropout=0.5", "model.word_dropout=0",
    "model.spatial_dropout=0", "train.optimizer=adam", "train.learning_rate=1e-3", "train.schedule=constant",
    "train.warmup_epochs=0", "train.ema=null",
    "train.label_smoothing=0", "train.clip_norm=null", "train.batch_size=64",
]  # fmt: skip


def speed(peers: Path, rounds: int) -> None:
    """Epoch time on the same rows without validation, and how many real tokens that is a second."""
    epochs: dict[str, list[float]] = {"tfpipelines": [], "plain Keras, padded": [], "PyTorch, packed": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = pd.read_csv(REVIEWS)
        table = table[table["split"] == "train"]
        table[["text", "label", "split"]].to_csv(folder / "train.csv", index=False)
        for _ in range(rounds):
            epochs["tfpipelines"].append(
                epoch_seconds(
                    tfpipe_run(
                        "text-cls",
                        folder,
                        f"data.path={folder / 'train.csv'}",
                        "data.validation=0",
                        "train.epochs=5",
                        *SAME_NETWORK,
                    )[1]
                )
            )
            epochs["plain Keras, padded"].append(
                figure(timed([sys.executable, str(peers / "reviews_keras_padded.py")])[1], "epoch_seconds")
            )
            epochs["PyTorch, packed"].append(
                figure(timed([sys.executable, str(peers / "reviews_torch_packed.py")])[1], "epoch_seconds")
            )
    print("epoch of the same BiLSTM, batches of 64, median after the first:")
    mine, padded, packed = (report(name, values) for name, values in epochs.items())
    print(f"  ratio to plain Keras {mine / padded:.3f}, to PyTorch {mine / packed:.3f}")
    tokens = table["text"].str.split().str.len().sum()
    print(
        f"  real tokens a second (padding not counted): tfpipelines {tokens / mine:,.0f}, plain Keras "
        f"{tokens / padded:,.0f}, PyTorch {tokens / packed:,.0f}"
    )


def quality(peers: Path, rounds: int) -> None:
    """Test accuracy of the pipeline as shipped, of its parts, and of the peers, over seeds 0, 1, 2."""
    variants = {
        "tfpipe run text-cls": [],
        "model.name=wide": ["model.name=wide"],
        "model.name=bilstm": ["model.name=bilstm"],
    }
    accuracies: dict[str, list[float]] = {name: [] for name in variants}
    padded, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            for name, overrides in variants.items():
                spent, run = tfpipe_run("text-cls", Path(folder), f"seed={seed}", *overrides)
                accuracies[name].append(test_accuracy(run))
                if not overrides:
                    seconds.append(spent)
            padded.append(
                figure(timed([sys.executable, str(peers / "reviews_keras_padded.py"), str(seed)])[1], "test_accuracy")
            )
    print("test accuracy, seeds 0, 1, 2:")
    for name, values in accuracies.items():
        report_quality(name, values)
    report_quality("plain Keras BiLSTM, padded", padded)
    report_quality(
        "TF-IDF and logistic regression",
        [figure(timed([sys.executable, str(peers / "reviews_tfidf.py")])[1], "test_accuracy")],
    )
    report("whole command", seconds)


def vectors(peers: Path, rounds: int) -> None:
    """Accuracy with and without the word vectors of the package, trained on and frozen, from few and many rows.

    150 of the validation rows choose the epoch, the others are measured on.
    """
    variants = {
        "random embedding": [],
        "data.vectors=bundled": ["data.vectors=bundled"],
        "the same, frozen": ["data.vectors=bundled", "model.freeze_embedding=true"],
    }
    table = pd.read_csv(REVIEWS)[["text", "label", "split"]]
    train, rest = table[table["split"] == "train"], table[table["split"] == "validation"].sample(frac=1, random_state=0)
    rest = pd.concat([rest.iloc[:150], rest.iloc[150:].assign(split="test")])
    with tempfile.TemporaryDirectory() as name:
        for rows, epochs in ((200, 40), (1000, 15), (len(train), 6)):
            path = Path(name) / f"reviews-{rows}.csv"
            pd.concat([train.sample(rows, random_state=0), rest]).to_csv(path, index=False)
            print(f"{rows} training rows, {epochs} epochs: accuracy on {(rest['split'] == 'test').sum()} rows")
            for told, overrides in variants.items():
                words = [f"data.path={path}", f"train.epochs={epochs}", "model.name=bilstm", *overrides]
                report_quality(told, [test_accuracy(tfpipe_run("text-cls", Path(name), *words)[1])])


VARIANTS = {
    "auto": [],
    "wide": ["model.name=wide"],
    "features": ["model.name=features"],
    "bilstm": ["model.name=bilstm", *PLAIN],
    "bow": ["model.name=bow", "model.word_dropout=0.3", "model.spatial_dropout=0.5", "train.epochs=20", *PLAIN],
}
FEW = {200: "train.epochs=40", 1000: "train.epochs=15"}  # of networks that are trained


def labelled() -> pd.DataFrame:
    """The rows of the table that are not for testing."""
    table = pd.read_csv(os.environ.get("TABLE", REVIEWS))
    return table[table["split"] != "test"][["text", "label"]].reset_index(drop=True)


def accuracies(train: pd.DataFrame, test: pd.DataFrame, names: list[str], few: list[str]) -> dict[str, float]:
    """Accuracy on some rows of models that learn from others, a part of which is for validation."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "table.csv"
        pd.concat([train.assign(split="train"), test.assign(split="test")]).to_csv(path, index=False)
        for told in names:
            more = few if told not in ("wide", "features") else []
            words = [f"data.path={path}", "data.on_leak=warn", "evaluation.bootstrap=20", *more, *VARIANTS[told]]
            found[told] = test_accuracy(tfpipe_run("text-cls", Path(name), *words)[1])
    for told, kinds in {"TF-IDF, words": 1, "TF-IDF, words and characters": 2}.items():
        found[told] = tfidf_accuracy(train, test, kinds)
    return found


def tfidf_accuracy(train: pd.DataFrame, test: pd.DataFrame, kinds: int) -> float:
    """Of TF-IDF and logistic regression, its C by cross-validation on the training rows."""
    both = [TfidfVectorizer(ngram_range=(1, 2)), TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))]
    union = make_union(*both[:kinds])
    model = GridSearchCV(
        make_pipeline(union, LogisticRegression(max_iter=1000)), {"logisticregression__C": [0.3, 1, 3, 10, 30, 100]}
    )
    return model.fit(train["text"], train["label"]).score(test["text"], test["label"])


def sizes(peers: Path, rounds: int) -> None:
    """Draws labelled rows, `--rounds` times for each number, and tests on at most 2,000 others."""
    table = labelled()
    for rows in (200, 1000, int(0.75 * len(table))):
        found: dict[str, list[float]] = {}
        for draw in range(rounds):
            mixed = table.sample(frac=1, random_state=draw)
            few = [FEW[rows], "train.batch_size=16"] if rows in FEW else []
            for name, accuracy in accuracies(mixed[:rows], mixed[rows : rows + 2000], list(VARIANTS), few).items():
                found.setdefault(name, []).append(accuracy)
        print(f"{rows} labelled rows, {rounds} draws:")
        for name, values in found.items():
            report_quality(name, values)


def folds(peers: Path, rounds: int) -> None:
    """Five times: half of the labelled rows to learn from, the other half to test on, and the other way round."""
    table, differences = labelled(), []
    for draw in range(5):
        mixed = table.sample(frac=1, random_state=draw)
        halves = mixed[: len(table) // 2], mixed[len(table) // 2 :]
        for train, test in (halves, halves[::-1]):
            found = accuracies(train, test, ["auto"], [])
            differences.append(found["auto"] - found["TF-IDF, words and characters"])
            print(f"  {found}", flush=True)
    report_quality("auto less TF-IDF, words and characters", [round(one, 4) for one in differences])


if __name__ == "__main__":
    main(__doc__, {"speed": speed, "quality": quality, "vectors": vectors, "sizes": sizes, "folds": folds})
