"""What the file of word vectors holds."""

from importlib import resources

import numpy as np
import pytest


@pytest.fixture(scope="package")
def file():
    """Its arrays."""
    path = resources.files("tfpipelines.networks.word_vectors") / "weights" / "all_minilm_l6_v2.npz"
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="package")
def known(file):
    """Entry -> its place."""
    return {word: place for place, word in enumerate(bytes(file["words"]).decode().split("\n"))}
