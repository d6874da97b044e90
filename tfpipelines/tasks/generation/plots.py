"""Pictures of what a generator draws: sheets, interpolations, an animation, nearest training images."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw

from ...core.files import atomic_write
from ...evaluation.image_sheets import sheet, write_picture
from ...evaluation.plots import MARK, POINTS, TRAIN, VALIDATION, save_figure, short

_GAP, _PAPER = 2, 255
_FRAME = 120  # milliseconds
_LAST_FRAME = 2000


def write_animation(path: Path, frames: list[tuple[str, Path]], most: int) -> None:
    """Writes pictures as an animated GIF, each with its title, the last one staying longer.

    Args:
        frames: (title, PNG file), all of one size.
        most: frames; of more, some are left out, evenly, never the first and the last.
    """
    pictures = []
    for number in np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int)):
        title, file = frames[number]
        with Image.open(file) as picture:
            page = Image.new("RGB", (picture.width, picture.height + 18), "white")
            page.paste(picture, (0, 18))
        ImageDraw.Draw(page).text((4, 3), title, fill="black")
        pictures.append(page.quantize(128))
    content, times = io.BytesIO(), [_FRAME] * (len(pictures) - 1) + [_LAST_FRAME]
    pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0)
    atomic_write(path, content.getvalue())


def plot_samples(path: Path, images: np.ndarray, names: list[str] | None = None) -> None:
    """A sheet of generated images; with classes, a row for each.

    Args:
        images: uint8 (count, height, width, channels); with `names`, as many for each of them in turn.
        names: of the classes.
    """
    if names:
        _plot_rows(path, images, len(images) // len(names), names, "generated images of each class")
    else:
        write_picture(path, sheet(images))


def plot_interpolation(path: Path, images: np.ndarray, names: list[str] | None = None) -> None:
    """Rows of images on the way from one noise to another.

    Args:
        images: uint8 (rows, steps, height, width, channels).
        names: the class of each row.
    """
    rows, steps = images.shape[:2]
    title, pictures = "from one noise vector (left) to another (right)", images.reshape(-1, *images.shape[2:])
    _plot_rows(path, pictures, steps, names or [""] * rows, title)


def plot_neighbours(
    path: Path, images: np.ndarray, training: np.ndarray, shares: np.ndarray, copied: int, total: int
) -> None:
    """Generated images, each over its nearest training image.

    Args:
        images, training: uint8 (count, height, width, channels), in the same order.
        shares: distance of each pair, as a share of the usual one of real images to training images.
        copied: how many of all generated images are copies.
        total: generated images there are in all.
    """
    columns = min(12, len(images))
    starts = range(0, len(images), columns)
    blank = lambda block: np.concatenate([block, np.full((columns - len(block), *block.shape[1:]), _PAPER, np.uint8)])
    pairs = np.concatenate([blank(part[start : start + columns]) for start in starts for part in (images, training)])
    names = ["generated", "nearest\ntraining"] * len(starts)
    title = (
        f"the generated images nearest to training ones\n{copied} of {total} are copies; numbers: distance of "
        "pixels,\n1 being the usual one of real images"
    )
    notes = [
        "" if row % 2 == 0 or number >= len(shares) else f"{shares[number]:.2f}"
        for row in range(2 * len(starts))
        for number in range((row // 2) * columns, (row // 2 + 1) * columns)
    ]
    _plot_rows(path, pairs, columns, names, title, notes)


def plot_progress(path: Path, rows: list[dict], best_epoch: int, reference: dict[str, float]) -> None:
    """Losses, logits, distance, precision and recall, and diversity by epoch, with what real images have.

    Args:
        rows: of history.csv.
        best_epoch: from 1.
        reference: metrics of real images against the same ones.
    """
    epochs = [row["epoch"] for row in rows]
    prefix = "val_" if "val_kid" in rows[0] else ""
    panels = [
        ("loss", {"generator_loss": VALIDATION, "discriminator_loss": TRAIN}),
        ("mean logit of the discriminator", {"real_logit": TRAIN, "fake_logit": VALIDATION}),
        ("kernel distance (KID)", {f"{prefix}kid": VALIDATION}),
        ("precision and recall", {f"{prefix}precision": VALIDATION, f"{prefix}recall": TRAIN}),
        ("diversity", {f"{prefix}diversity": VALIDATION}),
    ]
    figure = Figure((3.5 * len(panels), 3.3), layout="constrained")
    for axis, (title, lines) in zip(figure.subplots(1, len(panels)), panels):
        for name, color in lines.items():
            # below 0 there is no logarithm
            values = [row[name] if title[0] != "k" or row[name] > 0 else np.nan for row in rows]
            plain = name.removeprefix("val_")
            axis.plot(epochs, values, color=color, label=plain.replace("_", " "), **POINTS)
            real = reference.get(plain)
            if real is not None:
                drawn = real if title[0] != "k" or real > 0 else np.nan
                axis.axhline(drawn, color=color, linestyle="--", linewidth=0.8, label=f"real images: {real:.3g}")
        axis.axvline(best_epoch, color=MARK, linestyle=":", label=f"kept epoch ({best_epoch})")
        if title.startswith("kernel"):
            axis.set_yscale("log")
        axis.set(title=title, xlabel="epoch")
        axis.title.set_fontsize(10)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.25)
        axis.legend(frameon=False, fontsize=7)
    save_figure(figure, path)


def _plot_rows(
    path: Path, images: np.ndarray, columns: int, names: list[str], title: str, notes: list[str] | None = None
) -> None:
    """A sheet whose rows have names, and whose images may have notes."""
    pixels = sheet(images, columns)
    rows = len(names)
    step_x, step_y = pixels.shape[1] / columns, pixels.shape[0] / rows
    figure = Figure((1.4 + 0.66 * columns, 0.8 + 0.66 * rows), layout="constrained")
    axis = figure.subplots()
    axis.imshow(pixels[..., 0] if pixels.shape[-1] == 1 else pixels, cmap="gray", vmin=0, vmax=255)
    axis.set_yticks([(row + 0.5) * step_y for row in range(rows)], [short(name, 18) for name in names], fontsize=9)
    axis.set_xticks([])
    axis.tick_params(length=0)
    for number, note in enumerate(notes or []):
        if note:
            place = ((number % columns + 0.96) * step_x, (number // columns + 0.95) * step_y)
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axis.text(*place, note, ha="right", va="bottom", fontsize=7, bbox=box)
    for side in axis.spines.values():
        side.set_visible(False)
    axis.set_title(title, fontsize=9)
    save_figure(figure, path)
