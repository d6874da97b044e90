"""Measures the text-cls pipeline beside its peers, turn by turn, and prints medians and their ratios.

    python benchmarks/text_cls.py speed     epoch time of one BiLSTM beside plain Keras (padded) and PyTorch (packed;
                                            needs torch)
    python benchmarks/text_cls.py quality   test accuracy over seeds 0, 1, 2 beside TF-IDF with logistic regression and
                                            plain Keras
    python benchmarks/text_cls.py vectors   a BiLSTM with and without the word vectors of the package, seed 0, by rows;
                                            measured on validation rows, without the test split

`--peers DIR` names another folder with the reviews_*.py scripts, `--rounds N` the number of turns. A quiet machine is
needed: nothing else should run.
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd
from measure import epoch_seconds, figure, main, report, report_quality, test_accuracy, tfpipe_run, timed

HERE = Path(__file__).resolve().parent
REVIEWS = HERE.parent / "data" / "reviews" / "reviews.csv"
PLAIN = ["model.wide.words=0", "model.wide.characters=[]"]
SAME_NETWORK = [  # as the peers have it; theirs have embeddings of 20,000 words, of which the data hold 15,934
    *PLAIN, "model.name=bilstm", "model.units=64", "model.embedding=64", "model.pooling=last", "model.dense=64",
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
        "model.name=bow, no wide part": [*PLAIN, "model.name=bow", "train.epochs=20"],
        "model.name=bilstm, no wide part": PLAIN,
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
                words = [f"data.path={path}", f"train.epochs={epochs}", *PLAIN, *overrides]
                report_quality(told, [test_accuracy(tfpipe_run("text-cls", Path(name), *words)[1])])


if __name__ == "__main__":
    main(__doc__, {"speed": speed, "quality": quality, "vectors": vectors})
