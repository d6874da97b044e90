"""Pictures of what a generator draws: sheets, the way from one image to another, an animation, nearest training images."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw

from ..runs import atomic_write
from .plots import _MARK, _TRAIN, _VALIDATION, save_figure, short

_GAP, _PAPER = 2, 255
_LEAST_SIDE = 448  # of a sheet in pixels: smaller ones are enlarged by whole factors, so that pixels stay pixels
_FRAME = 120  # milliseconds
_LAST_FRAME = 2000


def sheet(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Images side by side in rows, uint8 (height, width, channels).

    Args:
        images: uint8 (count, height, width, channels).
        columns: in a row; None: as many as rows.
    """
    count, height, width, channels = images.shape
    columns = min(count, columns or max(1, round(count**0.5)))
    rows = -(-count // columns)
    page = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, channels), _PAPER, np.uint8)
    for number, image in enumerate(images):
        top, left = _GAP + (number // columns) * (height + _GAP), _GAP + (number % columns) * (width + _GAP)
        page[top : top + height, left : left + width] = image
    factor = max(1, -(-_LEAST_SIDE // max(page.shape[:2])))
    return page.repeat(factor, 0).repeat(factor, 1)


def as_picture(pixels: np.ndarray) -> Image.Image:
    """A Pillow image of uint8 (height, width, channels)."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Writes uint8 (height, width, channels) as PNG."""
    content = io.BytesIO()
    as_picture(pixels).save(content, "PNG")
    atomic_write(path, content.getvalue())


def write_animation(path: Path, frames: list[tuple[str, Path]], most: int) -> None:
    """Writes pictures as an animated GIF, each with its title, the last one staying longer.

    Args:
        frames: (title, PNG file), all of one size.
        most: frames; of more, some are left out, evenly, never the first and the last.
    """
    chosen = [frames[number] for number in np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int))]
    pictures = []
    for title, file in chosen:
        with Image.open(file) as picture:
            page = Image.new("RGB", (picture.width, picture.height + 18), "white")
            page.paste(picture, (0, 18))
        ImageDraw.Draw(page).text((4, 3), title, fill="black")
        pictures.append(page.quantize(128))
    content = io.BytesIO()
    pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:], duration=[_FRAME] * (len(pictures) - 1) + [_LAST_FRAME], loop=0)
    atomic_write(path, content.getvalue())


def plot_samples(path: Path, images: np.ndarray, names: list[str] | None = None) -> None:
    """A sheet of generated images; with classes, a row for each.

    Args:
        images: uint8 (count, height, width, channels); with `names`, as many for each of them in turn.
        names: of the classes.
    """
    if not names:
        write_picture(path, sheet(images))
        return
    columns = len(images) // len(names)
    figure = Figure((1.2 + 0.62 * columns, 0.4 + 0.66 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), columns, squeeze=False)
    for axis, image in zip(axes.ravel(), images):
        _show(axis, image)
    for row, name in zip(axes, names):
        row[0].set_ylabel(short(name, 18), rotation=0, ha="right", va="center", fontsize=9)
    figure.suptitle("generated images of each class", fontsize=10)
    save_figure(figure, path)


def plot_neighbours(path: Path, images: np.ndarray, training: np.ndarray, shares: np.ndarray, copied: int, total: int) -> None:
    """Generated images, each over its nearest training image.

    Args:
        images, training: uint8 (count, height, width, channels), in the same order.
        shares: distance of each pair, as a share of the usual one of real images to training images.
        copied: how many of all generated images are copies.
        total: generated images there are in all.
    """
    columns = min(12, len(images))
    rows = -(-len(images) // columns)
    figure = Figure((1.0 * columns + 0.8, 2.3 * rows + 0.6), layout="constrained")
    axes = figure.subplots(2 * rows, columns, squeeze=False)
    for axis in axes.ravel():
        axis.axis("off")
    for number, (image, neighbour, share) in enumerate(zip(images, training, shares)):
        above, below = axes[2 * (number // columns)][number % columns], axes[2 * (number // columns) + 1][number % columns]
        _show(above, image)
        _show(below, neighbour)
        above.set_title("generated", fontsize=7)
        below.set_title(f"training, {share:.2f}", fontsize=7)
    title = f"the generated images that are nearest to a training image; {copied} of {total} are copies\nnumbers: distance, where 1 is the usual one of unseen real images"
    figure.suptitle(title, fontsize=9)
    save_figure(figure, path)


def plot_interpolation(path: Path, images: np.ndarray, names: list[str] | None = None) -> None:
    """Rows of images on the way from one noise to another.

    Args:
        images: uint8 (rows, steps, height, width, channels).
        names: the class of each row.
    """
    rows, steps = images.shape[:2]
    figure = Figure((1.0 + 0.75 * steps, 0.5 + 0.78 * rows), layout="constrained")
    axes = figure.subplots(rows, steps, squeeze=False)
    for axis, image in zip(axes.ravel(), images.reshape(-1, *images.shape[2:])):
        _show(axis, image)
    for row, name in zip(axes, names or []):
        row[0].set_ylabel(short(name, 18), rotation=0, ha="right", va="center", fontsize=9)
    figure.suptitle("from one noise to another, on the sphere", fontsize=10)
    save_figure(figure, path)


def plot_progress(path: Path, rows: list[dict], best_epoch: int, reference: dict[str, float]) -> None:
    """Losses, logits, distance, precision and recall, and diversity by epoch, with what real images have.

    Args:
        rows: of history.csv.
        best_epoch: from 1.
        reference: figures of real images against the same ones.
    """
    epochs = [row["epoch"] for row in rows]
    prefix = "val_" if "val_kid" in rows[0] else ""
    panels = [
        ("loss", {"generator_loss": _VALIDATION, "discriminator_loss": _TRAIN}),
        ("mean logit of the discriminator", {"real_logit": _TRAIN, "fake_logit": _VALIDATION}),
        ("kernel distance (KID)", {f"{prefix}kid": _VALIDATION}),
        ("precision and recall", {f"{prefix}precision": _VALIDATION, f"{prefix}recall": _TRAIN}),
        ("diversity", {f"{prefix}diversity": _VALIDATION}),
    ]
    figure = Figure((3.5 * len(panels), 3.3), layout="constrained")
    for axis, (title, lines) in zip(figure.subplots(1, len(panels)), panels):
        for name, color in lines.items():
            axis.plot(epochs, [row.get(name) for row in rows], color=color, label=name.removeprefix("val_").replace("_", " "), marker="o", markersize=3)
            real = reference.get(name.removeprefix("val_"))
            if real is not None:
                axis.axhline(real, color=color, linestyle="--", linewidth=0.8, label=f"real images: {name.removeprefix('val_')}")
        axis.axvline(best_epoch, color=_MARK, linestyle=":", label=f"kept epoch ({best_epoch})")
        if title.startswith("kernel"):
            axis.set_yscale("symlog", linthresh=max(1e-4, abs(reference.get("kid", 0.0)), min(abs(row.get(f"{prefix}kid", 1.0)) for row in rows)))
        axis.set(title=title, xlabel="epoch")
        axis.title.set_fontsize(10)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.25)
        axis.legend(frameon=False, fontsize=7)
    save_figure(figure, path)


def _show(axis, image: np.ndarray) -> None:
    axis.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])
    for side in axis.spines.values():
        side.set_visible(False)
