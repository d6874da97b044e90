"""Measures how faint and how small a defect may be: contrast against test AUROC of images, for several sizes of what
the network sees and for tiles, beside plain references of PatchCore and PaDiM on the same backbone.

    python benchmarks/scratches.py                             fabric, wood and concrete of 512 pixels
    python benchmarks/scratches.py --textures wood --ways 64 256 tiles --names memory padim
    python benchmarks/scratches.py --figure scratches.png      the mean over the textures as a picture

The textures are made of noise by NumPy, each image anew. A defect is a scratch, 2 pixels wide and 30 to 70 long, or a
stain of 4 to 9 pixels' radius. Its contrast is a multiple of the texture's deviation. No default was chosen by them.
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import tfpipelines
from tfpipelines.core import config
from tfpipelines.networks import backbones
from tfpipelines.networks.backbones.deep_features import place_features

CONTRASTS = (4.0, 2.0, 1.0, 0.5)
WAYS = ("64", "128", "256", "512", "tiles")  # data.size, or two tiles along each side


# --- textures: float (size, size), deviation about 1
def fabric(size: int, r: np.random.Generator) -> np.ndarray:
    """Threads across and along, which bend a little, and grain."""
    y, x = np.mgrid[:size, :size] + ndimage.gaussian_filter(r.normal(size=(2, size, size)), (0, 12, 12)) * 20
    period = r.uniform(9.5, 10.5)
    weave = np.sin(2 * np.pi * x / period) * (np.sin(np.pi * y / period) > 0) + np.sin(2 * np.pi * y / period)
    return weave + 0.4 * ndimage.gaussian_filter(r.normal(size=(size, size)), 0.8) * 2


def wood(size: int, r: np.random.Generator) -> np.ndarray:
    """Lines of grain in one direction, and pores."""
    grain = ndimage.gaussian_filter(r.normal(size=(size, size)), (40, 1.5))
    broad = ndimage.gaussian_filter(r.normal(size=(size, size)), (80, 12))
    pores = ndimage.gaussian_filter((r.random((size, size)) > 0.9985).astype(float), (4, 0.7))
    return grain / grain.std() + broad / broad.std() - 12 * pores


def concrete(size: int, r: np.random.Generator) -> np.ndarray:
    """Noise of several scales, and holes."""
    scales = [ndimage.gaussian_filter(r.normal(size=(size, size)), sigma) for sigma in (1, 3, 8, 20)]
    holes = ndimage.gaussian_filter((r.random((size, size)) > 0.9995).astype(float), 1.8)
    return sum(part / part.std() * weight for part, weight in zip(scales, (0.6, 0.5, 0.4, 0.5))) - 15 * holes


TEXTURES = {"fabric": fabric, "wood": wood, "concrete": concrete}


def defect(size: int, r: np.random.Generator) -> np.ndarray:
    """Where a scratch or stain is, 0 to 1: float (size, size)."""
    y, x = (np.arange(size) - r.uniform(0.1, 0.9) * size for _ in range(2))
    angle = r.uniform(0, np.pi)
    across = np.cos(angle) * y[:, None] - np.sin(angle) * x
    along = np.sin(angle) * y[:, None] + np.cos(angle) * x
    if r.random() < 0.5:
        return np.clip(1.5 - np.abs(across), 0, 1) * (np.abs(along) <= r.uniform(15, 35))
    radius = r.uniform(4, 9)
    return np.exp(-0.5 * (across**2 + along**2) / (radius / 2) ** 2)


def drawn(texture: str, size: int, r: np.random.Generator, contrast: float = 0.0) -> np.ndarray:
    """An image, uint8 (size, size)."""
    image = TEXTURES[texture](size, r)
    image = (image - image.mean()) / image.std()
    if contrast:
        image = image + contrast * r.choice([-1, 1]) * defect(size, r)
    return np.clip(np.round(128 + 30 * image), 0, 255).astype(np.uint8)


def write(root: Path, texture: str, size: int, train: int, test: int) -> Path:
    """A folder in the layout of MVTec, each contrast a kind of defect."""
    r = np.random.default_rng([7, list(TEXTURES).index(texture)])
    parts = [("train/good", 0.0, train), ("validation/good", 0.0, test), ("calibration/good", 0.0, test)]
    parts += [("test/good", 0.0, test)] + [(f"test/contrast {contrast:g}", contrast, test) for contrast in CONTRASTS]
    for folder, contrast, count in parts:
        (root / folder).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(drawn(texture, size, r, contrast)).save(root / folder / f"{number:03}.png")
    return root


# --- what is measured
def of_run(root: Path, way: str, name: str) -> list[float]:
    """AUROC for each contrast of a run."""
    seen = {"data.tiles": 2} if way == "tiles" else {"data.size": int(way)}
    fields = {"data.path": str(root), "model.name": name, **seen, "evaluation.baselines": False}
    fields |= {"evaluation.bootstrap": 0, "evaluation.false_alarm_rate": 0.2, "train.epochs": 10}
    with tempfile.TemporaryDirectory() as folder:
        run = tfpipelines.run("anomaly", fields, out=folder, observer=tfpipelines.Observer())
        kinds = run.metrics["per_class"]
    return [kinds[f"contrast {contrast:g}"]["roc_auc"] for contrast in CONTRASTS]


def references(root: Path, size: int) -> dict[str, list[float]]:
    """The same of PatchCore (neighbourhoods of 3, a tenth of the places at random, largest distance) and PaDiM (100
    channels, Gaussian filter), as plain as they are, at one size.
    """
    read = lambda folder: np.stack([
        np.asarray(Image.open(file).resize((size, size), Image.Resampling.BILINEAR).convert("RGB"), np.float32)
        for file in sorted((root / folder).glob("*.png"))
    ])  # fmt: skip
    backbone = backbones.load_backbone(config.backbone_source("efficientnet-lite0"), size=(size, size))
    folders = ["train/good", "test/good", *(f"test/contrast {contrast:g}" for contrast in CONTRASTS)]
    told: dict[str, list[float]] = {}
    for name, strides, neighbours in (("PatchCore", (8, 16), 3), ("PaDiM", (4, 8, 16), 1)):
        extractor = keras.Model(*place_features((size, size, 3), backbone, neighbours=neighbours, strides=strides))
        of = {folder: extractor.predict(read(folder), batch_size=8, verbose=0) for folder in folders}
        score = (patch_core if name == "PatchCore" else padim)(of["train/good"])
        normal, kinds = score(of["test/good"]), [score(of[folder]) for folder in folders[2:]]
        known = [np.arange(len(normal) + len(odd)) >= len(normal) for odd in kinds]
        told[name] = [float(roc_auc_score(truth, np.concatenate([normal, odd]))) for truth, odd in zip(known, kinds)]
    return told


def patch_core(train: np.ndarray):
    """Largest distance to the nearest of a tenth of the places."""
    places = train.reshape(-1, train.shape[-1])
    kept = np.random.default_rng(0).choice(len(places), max(1, len(places) // 10), replace=False)
    neighbours = NearestNeighbors(n_neighbors=1).fit(places[kept])

    def score(features: np.ndarray) -> np.ndarray:
        distances = neighbours.kneighbors(features.reshape(-1, features.shape[-1]))[0]
        return distances.reshape(len(features), -1).max(1)

    return score


def padim(train: np.ndarray):
    """Largest Mahalanobis distance of a place, filtered."""
    channels = np.random.default_rng(0).choice(train.shape[-1], min(100, train.shape[-1]), replace=False)
    rows, columns = train.shape[1:3]
    known = train[..., channels].reshape(len(train), rows * columns, -1).astype(np.float64)
    means = known.mean(0)
    inverse = lambda rows: np.linalg.inv(ledoit_wolf(rows, assume_centered=True)[0] + 1e-6 * np.eye(rows.shape[-1]))
    inverses = [inverse(known[:, place] - means[place]) for place in range(len(means))]

    def score(features: np.ndarray) -> np.ndarray:
        apart = features[..., channels].reshape(len(features), rows * columns, -1) - means
        squares = np.stack([np.einsum("bi,ij,bj->b", apart[:, place], inverse, apart[:, place])
                            for place, inverse in enumerate(inverses)], 1)  # fmt: skip
        maps = np.sqrt(squares).reshape(-1, rows, columns)
        return ndimage.gaussian_filter(maps, (0, 1, 1)).max((1, 2))

    return score


def draw(table: dict[str, np.ndarray], path: Path) -> None:
    """Contrast against AUROC, a line for each row of the table."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for name, areas in table.items():
        plain = name.startswith(("PatchCore", "PaDiM"))
        axes.plot(CONTRASTS, areas, "--" if plain else "-", marker="o", markersize=4, label=name)
    axes.set(xscale="log", xlabel="contrast (deviations of the texture)", ylabel="AUROC of images", ylim=(0.4, 1.02))
    axes.set_xticks(CONTRASTS, [f"{contrast:g}" for contrast in CONTRASTS])
    axes.minorticks_off()
    axes.invert_xaxis()
    axes.axhline(0.5, color="0.7", linewidth=0.8)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Prints a table of each texture, and of their mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--textures", nargs="+", choices=TEXTURES, default=list(TEXTURES))
    parser.add_argument("--ways", nargs="+", default=WAYS, help="sides in pixels, or tiles: two along each side")
    parser.add_argument("--names", nargs="+", default=["memory"], help="networks (model.name)")
    parser.add_argument("--pixels", type=int, default=512, help="side of the images")
    parser.add_argument("--train", type=int, default=40, help="training images")
    parser.add_argument("--test", type=int, default=30, help="images of every other part")
    parser.add_argument("--reference", type=int, default=256, help="side that the references see; 0: none")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    tables: dict[str, list[list[float]]] = {}
    for texture in options.textures:
        print(f"{texture}: AUROC at contrast {', '.join(f'{contrast:g}' for contrast in CONTRASTS)}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            root = write(Path(folder) / "set", texture, options.pixels, options.train, options.test)
            rows = {}
            for name in options.names:
                for way in options.ways:
                    rows[f"{name}, {way}"] = of_run(root, way, name)
                    show(f"{name}, {way}", rows[f"{name}, {way}"])
            if options.reference:
                for name, areas in references(root, options.reference).items():
                    rows[f"{name}, {options.reference}"] = areas
                    show(f"{name}, {options.reference}", areas)
        for name, areas in rows.items():
            tables.setdefault(name, []).append(areas)
    means = {name: np.mean(areas, 0) for name, areas in tables.items()}
    print("mean")
    for name, areas in means.items():
        show(name, areas)
    if options.figure:
        draw(means, options.figure)


def show(name: str, areas) -> None:
    """One line of a table."""
    print(f"  {name:22}", *(f"{area:.3f}" for area in areas), flush=True)


if __name__ == "__main__":
    main()
