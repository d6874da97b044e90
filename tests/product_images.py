"""Folders of several products, made up: tiny images with and without a bright square."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

# A run of one of them, as small as it can be
SMALL = {
    "model.name": "dense",
    "model.units": [8],
    "model.latent": 2,
    "train.epochs": 2,
    "train.batch_size": 8,
    "data.size": 8,
    "evaluation.baselines": False,
    "evaluation.bootstrap": 0,
}


def write_image(path: Path, rng: np.random.Generator, mask: Path | None = None, size: int = 12) -> None:
    """Writes a noisy image, with `mask` one with a bright square and its mask."""
    levels, odd = rng.normal(120, 6, (size, size)), np.zeros((size, size), bool)
    if mask is not None:
        top, left = rng.integers(0, size - 4, 2)
        odd[top : top + 4, left : left + 4] = True
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(odd).save(mask)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(levels + 90 * odd, 0, 255).astype(np.uint8)).save(path)


def write_mvtec(root: Path, products: dict[str, int], test: int = 4) -> Path:
    """Products in the layout of MVTec.

    Args:
        products: normal training images of each.
        test: images of the test, normal ones and as many defects.
    """
    for number, (name, count) in enumerate(products.items()):
        rng = np.random.default_rng(number)
        for image in range(count):
            write_image(root / name / "train" / "good" / f"{image:03}.png", rng)
        for image in range(test):
            write_image(root / name / "test" / "good" / f"{image:03}.png", rng)
            mask = root / name / "ground_truth" / "hole" / f"{image:03}_mask.png"
            write_image(root / name / "test" / "hole" / f"{image:03}.png", rng, mask)
    return root


def write_visa(root: Path, products: tuple[str, ...], table: str = "", normal: int = 30, odd: int = 4) -> Path:
    """Products in the layout of VisA; with `table`, below the root, a table of their splits: the last `odd` normal
    images and all others are of the test.
    """
    rows = []
    for number, name in enumerate(products):
        rng = np.random.default_rng(number)
        for image in range(normal):
            path = f"{name}/Data/Images/Normal/{image:04}.png"
            write_image(root / path, rng)
            rows.append([name, "train" if image < normal - odd else "test", "normal", path, ""])
        for image in range(odd):
            path, mask = f"{name}/Data/Images/Anomaly/{image:03}.png", f"{name}/Data/Masks/Anomaly/{image:03}.png"
            write_image(root / path, rng, root / mask)
            rows.append([name, "test", "anomaly", path, mask])
    if table:
        (root / table).parent.mkdir(parents=True, exist_ok=True)
        with open(root / table, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["object", "split", "label", "image", "mask"], *rows])
    return root
