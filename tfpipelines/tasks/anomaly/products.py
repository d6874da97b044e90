"""A folder of several products, as MVTec and VisA are: each of its folders is a data set by itself."""

from pathlib import Path

from ...core.config import Pipeline
from ...core.urls import is_remote
from ...core.words import counted, listed, nearest
from ...datasets.archives import folder_of
from ...datasets.findings import Findings
from ...datasets.folder_walk import Walk
from ...datasets.remote import local_copy, print_it
from ...datasets.sample_table import split_of
from ...errors import ConfigError
from ..base import Products
from .config import AnomalyImageData
from .normal_samples import means_normal
from .visa import TABLES, is_visa


def find_products(pipeline: Pipeline, data: AnomalyImageData) -> Products:
    """A pipeline for each product that `data.path` holds, or for those that `data.products` names.

    The folder must hold two products or more, unless they are named, and no folder for training of its own.

    Args:
        data: the section of the pipeline.

    Raises:
        ConfigError: if `data.products` names what is not there, or one folder of masks is given for all.
        DataError: if the folder cannot be read.
    """
    copy = local_copy(data.path, print_it) if is_remote(data.path) else None
    there, root = folder_of(copy.path if copy else Path(data.path).expanduser())  # no data of the package have products
    folders = Walk(there, data.follow_links, Findings()).children(there)[0] if there.is_dir() else []
    found = product_folders(folders, data) if data.layout == "auto" and not is_visa(there) else []
    names = [folder.name for folder in found]
    if data.products is None:
        if len(found) < 2:
            return Products()
    else:
        if data.layout != "auto":
            cause = f"data.products goes with data.layout=auto, not {data.layout}."
            raise ConfigError(cause, "Leave one of them out.")
        _require(data.products, names, root)
        names = [name for name in names if name in data.products]
    if data.masks:
        cause = f"data.masks={data.masks}: each of the products {listed(names, 5)} has a folder of masks of its own."
        raise ConfigError(cause, "Leave it out, or give one product: data.path=" + str(root / names[0]))
    others = [f"{folder.name}/" for folder in folders if folder not in found and folder.name != TABLES]
    notes = [f"not used, since no product is in it: {listed(others, 5)}"] if others else []
    notes.insert(0, f"{counted(len(names), 'product')} in {root}, a run each: {listed(names)}")
    of = lambda path, products: pipeline.model_copy(
        update={"data": data.model_copy(update={"path": str(path), "products": products})}
    )
    whole = of(copy.address if copy else root, tuple(names))
    each = {name: copy.address_of(root / name) if copy else root / name for name in names}
    return Products({name: of(path, None) for name, path in each.items()}, whole, tuple(notes))


def product_folders(folders: list[Path], data: AnomalyImageData) -> list[Path]:
    """Those of a folder's folders that are products: with a folder for training in each, or with the folders of VisA.

    None is, where one of the folders is for training itself, or is called after normal samples.
    """
    names = [folder.name for folder in folders]
    normal = [name for name in names if means_normal(name) or name in (data.normal or ())]
    if normal or "train" in map(split_of, names):
        return []
    inside = lambda folder: Walk(folder, data.follow_links, Findings()).children(folder)[0]
    trains = lambda folder: "train" in (split_of(inner.name) for inner in inside(folder))
    return [folder for folder in folders if is_visa(folder) or trains(folder)]


def _require(products: tuple[str, ...], names: list[str], root: Path) -> None:
    if not names:
        cause = f"data.products={','.join(products)}: {root} holds no products."
        raise ConfigError(cause, "Give the folder that their folders are in, each with train/ or Data/Images/ in it.")
    for product in products:
        if product not in names:
            guess = nearest(product, names)
            remedy = f"Did you mean {guess}?" if guess else f"There are: {listed(names)}."
            raise ConfigError(f"data.products: {root} has no product {product!r}.", remedy)
