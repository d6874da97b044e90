"""How many made near-copies of training samples in a test split are found, and how many of the finds are right.

    python benchmarks/near_copies.py SET ...        # the table of docs/explanation/data_splits.md, about a minute

SET is the name of a sample (digits, bricks, emoji, reviews) or a CSV file with the columns `sentence` (or `text`) and
`split`. For each kind of change, changed copies of 100 random training samples join the samples of the other splits.
Recall is the share of copies that are called a near-copy of any training sample: sets hold
similar ones, and an added sentence is one, too. Precision counts finds among the set's own samples as wrong.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from tfpipelines.datasets.near_images import near_images
from tfpipelines.datasets.near_texts import near_texts
from tfpipelines.datasets.thumbnails import thumbnails

SAMPLES = Path(__file__).parents[1] / "data"
COPIES = 100
IMAGE_CHANGES = {
    "resized, 0.5 to 2": ("resize",),
    "JPEG, quality 30 to 90": ("jpeg",),
    "cropped, 2 to 8% a side": ("crop",),
    "all three": ("resize", "crop", "jpeg"),
}
TEXT_CHANGES = ("case", "punctuation", "1 word", "2 words", "3 words", "a sentence added")


def change_image(image: Image.Image, changes: tuple[str, ...], generator: np.random.Generator) -> Image.Image:
    """The image after some changes."""
    for change in changes:
        width, height = image.size
        if change == "resize":
            factor = 2 ** generator.uniform(-1, 1)
            way = [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC][generator.integers(2)]
            image = image.resize((round(width * factor), round(height * factor)), way)
        elif change == "crop":
            left, upper, right, lower = generator.uniform(0.02, 0.08, 4)
            box = (left * width, upper * height, (1 - right) * width, (1 - lower) * height)
            image = image.crop(tuple(round(border) for border in box))
        else:
            content = io.BytesIO()
            image.save(content, "JPEG", quality=int(generator.integers(30, 91)))
            image = Image.open(content)
    return image


def change_text(text: str, change: str, others: list[str], generator: np.random.Generator) -> str:
    """The text after one change; new words and sentences are from `others`."""
    draw = lambda values: values[generator.integers(len(values))]
    if change == "case":
        return draw([text.upper(), text.title()])
    if change == "punctuation":
        return "".join(character for character in text if character not in ".,;:!?\"'()-") + "!"
    if change == "a sentence added":
        return f"{text} {draw(others)}"
    words = text.split()
    for place in generator.permutation(len(words))[: int(change[0])]:
        words[place] = draw(draw(others).split())
    return " ".join(words)


def open_images(name: str, generator: np.random.Generator) -> tuple[list[Image.Image], np.ndarray]:
    """The images of a sample, and whether each is one to train on."""
    if name == "digits":
        with np.load(SAMPLES / "digits" / "digits.npz") as archive:
            return [Image.fromarray(image) for image in archive["x"]], archive["split"] == "train"
    files = [file for file in sorted((SAMPLES / name).glob("**/*.png")) if "ground_truth" not in file.parts]
    images = []
    for file in files:
        image = Image.open(file).convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        images.append(Image.alpha_composite(white, image).convert("RGB" if name == "emoji" else "L"))
    given = np.array(["train" in file.parts for file in files])
    return images, given if given.any() else generator.random(len(files)) < 0.7


def small(images: list[Image.Image], size: tuple[int, int]) -> np.ndarray:
    """Thumbnails of images as the network sees them."""
    arrays = [np.asarray(image.resize(size, Image.Resampling.BILINEAR)) for image in images]
    return thumbnails(np.stack(arrays).reshape(len(images), *size[::-1], -1))


def measure_images(name: str, seed: int) -> None:
    """Prints a row for each change."""
    generator = np.random.default_rng(seed)
    images, training = open_images(name, generator)
    train, others, size = np.flatnonzero(training), np.flatnonzero(~training), images[0].size
    known = small(images, size)
    finds, _ = near_images(known, train, others)
    for label, changes in IMAGE_CHANGES.items():
        sources = generator.choice(train, COPIES, replace=False)
        copies = small([change_image(images[row], changes, generator) for row in sources], size)
        rows = np.concatenate([others, np.arange(len(known), len(known) + COPIES)])
        found, _ = near_images(np.concatenate([known, copies]), train, rows)
        tell(name, label, found[len(others) :] >= 0, int((finds >= 0).sum()), len(others))


def measure_texts(name: str, seed: int) -> None:
    """Prints a row for each change, twice: of all texts, and of those of 12 words and more."""
    generator = np.random.default_rng(seed)
    frame = pd.read_csv(name if name.endswith(".csv") else next((SAMPLES / name).glob("*.csv")))
    column = "sentence" if "sentence" in frame else "text"
    train = frame.loc[frame["split"] == "train", column].astype(str).to_list()
    others = frame.loc[frame["split"] != "train", column].astype(str).to_list()
    finds, _ = near_texts([*train, *others], len(train))
    for change in TEXT_CHANGES:
        for least in (1, 12):
            fitting = [text for text in train if len(text.split()) >= least]
            sources = [fitting[number] for number in generator.choice(len(fitting), COPIES, replace=False)]
            copies = [change_text(text, change, train, generator) for text in sources]
            found, _ = near_texts([*train, *others, *copies], len(train))
            label = f"{change}, {least}+ words"
            tell(Path(name).stem, label, found[len(others) :] >= 0, int((finds >= 0).sum()), len(others))


def tell(name: str, label: str, found: np.ndarray, own: int, others: int) -> None:
    """Prints one row; `own` is how many of the set's `others` are found without any made copy."""
    precision = found.sum() / max(found.sum() + own, 1)
    recalled = f"recall {found.mean():.2f}, precision {precision:.2f}"
    print(f"{name:10} {label:30} {recalled}   ({own} of {others} of the set itself)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for name in args.sets:
        (measure_texts if name == "reviews" or name.endswith(".csv") else measure_images)(name, args.seed)


if __name__ == "__main__":
    main()
