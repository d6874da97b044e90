"""The folder of one product as the data set VisA has it (Zou et al. 2022, "SPot-the-difference"): `Data/Images/Normal`,
`Data/Images/Anomaly` and `Data/Masks/Anomaly`, and a table that tells the split of each image.
"""

import csv
from pathlib import Path

from ...core.words import counted
from ...datasets.findings import Findings
from ...datasets.sample_table import split_of
from ...errors import DataError

IMAGES, MASKS = Path("Data", "Images"), Path("Data", "Masks")
TABLES = "split_csv"  # beside the products; the table of one class is that of a detector of normal images
_NEEDED = ("split", "image")

Row = tuple[str, str | None, str | None]  # item, label, split


def is_visa(root: Path) -> bool:
    """Whether a folder is that of one product of VisA."""
    return (root / IMAGES).is_dir()


def with_given_splits(root: Path, rows: list[Row], findings: Findings) -> list[Row]:
    """The images with the splits that a table gives them: `image_anno.csv` of the product or of the folder that it
    lies in, or `split_csv/1cls.csv` beside the product, the first of them with columns `image` and `split`, and
    `object` where it tells of several products.

    Args:
        root: of the product.
        rows: of its images, in folders that are labels.

    Returns:
        Those that the table names; all of them without a split where there is no such table.

    Raises:
        DataError: if the table cannot be read, or has a split of an unknown name.
    """
    tables = (root / "image_anno.csv", root.parent / "image_anno.csv", root.parent / TABLES / "1cls.csv")
    found = next((table for table in tables if _tells_splits(table)), None)
    if found is None:
        return rows
    splits = _read(found, root)
    kept: list[Row] = [(item, label, splits[item]) for item, label, _ in rows if item in splits]
    findings.add("given_splits", "note", f"The splits are those of {found}")
    if left := [item for item, _, _ in rows if item not in splits]:
        message = f"{counted(len(left), 'image')} that {found.name} does not name, not used"
        findings.add("not_in_table", "warning", message, f"Add them to {found}", left)
    if lost := sorted(splits.keys() - {item for item, _, _ in rows}):
        message = f"{counted(len(lost), 'image')} of {found.name} without a file, or outside of {IMAGES}, left out"
        findings.add("not_found", "warning", message, "Check the data folder", lost)
    return kept


def _tells_splits(table: Path) -> bool:
    if not table.is_file():
        return False
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            return {*_NEEDED} <= {*next(csv.reader(file), [])}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(table, error) from error


def _read(table: Path, root: Path) -> dict[str, str]:
    """The split of each image of a product, by its path below the product's folder."""
    splits = {}
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                if (row.get("object") or root.name) != root.name:
                    continue
                image, word = (row[name] or "" for name in ("image", "split"))
                split = split_of(word)
                if split is None:
                    cause = f"{table}: {image or 'a row without image'} has the split {word!r}."
                    raise DataError(cause, "Name train, validation, calibration or test.")
                splits[Path(image.removeprefix(f"{root.name}/")).as_posix()] = split
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(table, error) from error
    return splits


def _unreadable(table: Path, error: Exception) -> DataError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return DataError(f"{table} cannot be read: {reason}.", "Repair it, or move it away to have the images split.")
