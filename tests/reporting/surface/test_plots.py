"""The picture of a loss surface, whatever the losses are."""

import numpy as np
import pytest
from PIL import Image

from tfpipelines.reporting.surface import LossSurface
from tfpipelines.reporting.surface.plot import clipped, plot_surface, scale_of

from ...conftest import some

pytestmark = pytest.mark.pictures

STEPS = np.linspace(-1, 1, 5)
BOWL = STEPS[:, None] ** 2 + STEPS[None] ** 2


def surface_of(losses, name="run"):
    return LossSurface(name, STEPS[: len(losses)], losses, "cross-entropy", "train", 7, 0, 10, 1.0)


def spoiled(*values):
    losses = BOWL + 0.1
    losses[0, : len(values)] = values
    return losses


CASES = {
    "linear": BOWL + 1,
    "logarithmic": 10 ** (3 * BOWL),
    "negative": 500 * BOWL**2 - 0.3,
    "all_negative": BOWL - 5,
    "plain": np.full((5, 5), 0.7),
    "zeros": np.zeros((5, 5)),
    "infinite": spoiled(np.inf, np.nan, -np.inf),
    "huge": spoiled(1e30, 1e38),
    "nothing": np.full((5, 5), np.nan),
    "lost_center": np.where(BOWL == 0, np.nan, BOWL),
    "tiny": 1e-12 * (BOWL + 1),
}


@pytest.mark.parametrize("name", some(CASES, ("infinite",)))
@pytest.mark.filterwarnings("error")
def test_it_is_drawn(name, tmp_path):
    plot_surface(tmp_path / "surface.png", surface_of(CASES[name], "run_$x$ of 100%"))
    image = np.asarray(Image.open(tmp_path / "surface.png").convert("RGB"))
    assert image.shape[1] > 1.8 * image.shape[0] > 500 and len(np.unique(image.reshape(-1, 3), axis=0)) > 100


def test_scales():
    assert scale_of(CASES["linear"]).name == scale_of(CASES["all_negative"]).name == "linear"
    assert scale_of(CASES["logarithmic"]).name == "logarithmic"
    assert scale_of(CASES["negative"]).name == "asinh"
    for name in ("linear", "logarithmic", "negative"):
        scale = scale_of(CASES[name])
        low, high = CASES[name].min(), CASES[name].max()
        assert ((scale.ticks >= low) & (scale.ticks <= high)).sum() >= 3
        heights = scale.height(np.linspace(low, high, 50))
        assert (np.diff(heights) > 0).all()


def test_losses_that_cannot_be_drawn_are_drawn_as_the_highest_and_told():
    losses, told = clipped(CASES["infinite"], 0.1)
    assert np.isfinite(losses).all() and told == "\n3 points without a finite loss, drawn at 2.1"
    np.testing.assert_array_equal(losses[1:], CASES["infinite"][1:])
    losses, told = clipped(CASES["huge"], 0.1)
    assert losses.max() < 3 and told.startswith("\n2 points above 1e+05, drawn at")
    assert clipped(CASES["linear"], 1.0)[1] == ""
