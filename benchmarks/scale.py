"""What data cost by their number: CPU seconds and peak memory of `tfpipe check` and of a run of one epoch.

    python benchmarks/scale.py texts tables                      # 10,000 and 100,000 rows
    python benchmarks/scale.py texts --rows 500000               # 42 MB
    python benchmarks/scale.py tables --rows 1000000             # 20 columns, 162 MB
    python benchmarks/scale.py images --rows 1000 5000           # JPEGs of 500 x 375, milliseconds a picture, too
    python benchmarks/scale.py tables --check-only --rows 1000000

Data are generated from a seed. Each command is a process of its own, whose peak is the largest resident set that the
system has seen of it; its CPU time is that of all its threads.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import QUIET

_BLOCK = 10_000  # rows that are generated at once
_WORDS = 60_000
_NUMBERS, _CATEGORIES = 14, 5  # columns of a table, besides the label
_HEIGHT, _WIDTH, _SIZE = 375, 500, 224
_CHECKS = {"texts": ["--pipeline", "text-cls"], "tables": ["--pipeline", "tabular", "data.target_column=label"]}
_RUNS = {
    "texts": ["text-cls", "model.name=cnn", "train.batch_size=256"],
    "tables": ["tabular", "data.target_column=label", "model.name=mlp", "train.batch_size=2048"],
    "images": ["image-cls", "model.filters=[8,16,32]", "train.batch_size=128"],
}


def texts(folder: Path, rows: int) -> Path:
    """Texts of 8 to 20 words, as frequent as those of a language (Zipf 1949), of two classes."""
    generator, path = np.random.default_rng(0), folder / f"texts-{rows}.csv"
    letters = np.array(list("bcdfghjklmnprstvw")), np.array(list("aeiou"))
    syllables = lambda number: "".join(generator.choice(some) for _ in range(1 + number % 4) for some in letters)
    words = np.array([syllables(number) for number in range(_WORDS)])
    shares = 1 / np.arange(1, _WORDS + 1)
    with open(path, "w") as file:
        file.write("text,label\n")
        for start in range(0, rows, _BLOCK):
            lengths = generator.integers(8, 21, min(_BLOCK, rows - start))
            some = words[generator.choice(_WORDS, lengths.sum(), p=shares / shares.sum())]
            ends, labels = np.cumsum(lengths), generator.integers(0, 2, len(lengths))
            told = zip(ends - lengths, ends, labels)
            file.writelines(f"{' '.join(some[first:end])},{'good' if label else 'bad'}\n" for first, end, label in told)
    return path


def tables(folder: Path, rows: int) -> Path:
    """Columns of numbers with five decimals and of categories; the label hangs on the first."""
    generator, path = np.random.default_rng(0), folder / f"table-{rows}.csv"
    names = [*(f"n{place}" for place in range(_NUMBERS)), *(f"c{place}" for place in range(_CATEGORIES)), "label"]
    with open(path, "w") as file:
        file.write(",".join(names) + "\n")
        for start in range(0, rows, _BLOCK):
            count = min(_BLOCK, rows - start)
            numbers = generator.normal(size=(count, _NUMBERS)) * 10
            kinds = generator.integers(0, 20, (count, _CATEGORIES))
            labels = numbers[:, 0] + generator.normal(size=count) * 5 > 0
            for some, other, label in zip(numbers, kinds, labels):
                cells = [*(f"{value:.5f}" for value in some), *(f"kind{kind:02d}" for kind in other)]
                file.write(",".join([*cells, "yes" if label else "no"]) + "\n")
    return path


def images(folder: Path, rows: int) -> Path:
    """Smooth random pictures with some noise, in two folders of JPEGs."""
    from PIL import Image

    generator, path = np.random.default_rng(0), folder / f"images-{rows}"
    for number in range(rows):
        coarse = generator.integers(0, 256, (12, 16, 3), np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC), np.int16)
        noisy = (picture + generator.integers(-12, 13, picture.shape)).clip(0, 255).astype(np.uint8)
        (path / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy).save(path / "ab"[number % 2] / f"{number}.jpg", quality=90)
    return path


def cost(words: list[str], folder: Path) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of a command in a process of its own."""
    environment = {**QUIET, "TFPIPE_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "tfpipelines", *words]
    with open(folder / "said.txt", "wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(words)} failed:\n{(folder / 'said.txt').read_text()[-2000:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def size_of(path: Path) -> float:
    """MB of a file, or of those of a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def picture_costs(path: Path, folder: Path) -> None:
    """Prints the CPU milliseconds that one picture takes: its header, decoding, and an epoch by the kind of cache."""
    os.environ["TFPIPE_CACHE"] = str(folder / "stages")
    import tensorflow as tf

    from tfpipelines.core.config.images import ImageData
    from tfpipelines.datasets.image_headers import scan_headers
    from tfpipelines.datasets.image_samples import read_image_source
    from tfpipelines.datasets.image_store import store_files
    from tfpipelines.models import ImagePreprocessor

    table, preprocessor = read_image_source(ImageData(path=str(path))), ImagePreprocessor((_SIZE, _SIZE), 3)
    count = len(table.frame)

    def told(what: str, work):
        began = time.process_time()
        result = work()
        print(f"  {what:<44}{(time.process_time() - began) / count * 1e3:8.2f} ms a picture", flush=True)
        return result

    headers, _ = told("header", lambda: scan_headers(table, 10**8))
    kept: dict = {"background": 255, "max_pixels": 10**8}
    for cache in ("none", "disk", "disk", "memory"):
        make = lambda cache=cache: store_files(table, headers, preprocessor, cache=cache, **kept)
        store = told(f"reading, data.cache={cache}", make)
        rows = tf.data.Dataset.from_tensor_slices(np.arange(count)).batch(64).map(lambda rows: (rows,))
        told(f"an epoch, data.cache={cache}", lambda store=store, rows=rows: [0 for _ in store.attach(rows)])
    kept_as = f"{_SIZE * _SIZE * 3 / 1e3:.1f} kB a picture, as a file {size_of(path) / count * 1e3:.1f} kB"
    print(f"  in memory or on disk {kept_as}")


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kinds", nargs="+", choices=("texts", "tables", "images"))
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--check-only", action="store_true", help="no run of an epoch")
    asked = parser.parse_args()
    print(f"{'data':<8}{'rows':>10}{'MB':>8}{'check, s':>10}{'peak, MB':>10}{'epoch, s':>10}{'peak, MB':>10}")
    with tempfile.TemporaryDirectory(prefix="tfpipe-scale-") as name:
        folder = Path(name)
        for kind in asked.kinds:
            for rows in asked.rows:
                path = {"texts": texts, "tables": tables, "images": images}[kind](folder, rows)
                found = [*cost(["check", str(path), *_CHECKS.get(kind, [])], folder)]
                if not asked.check_only:
                    options = ["train.epochs=1", f"data.path={path}", "--out", str(folder / "runs")]
                    found += cost(["run", *_RUNS[kind], *options], folder)
                figures = "".join(f"{figure:10.1f}" for figure in found)
                print(f"{kind:<8}{rows:>10,}{size_of(path):8.1f}{figures}", flush=True)
                if kind == "images":
                    picture_costs(path, folder)


if __name__ == "__main__":
    main()
