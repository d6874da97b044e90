"""Characters that the font of the plots lacks are drawn with others, or told once."""

import warnings

import pytest
from matplotlib.figure import Figure

from tfpipelines.evaluation import fonts, plots

KNOWN, UNKNOWN = "\u1d81", "\U000f0000"  # STIX, which comes with matplotlib, has the one; no font has the other

pytestmark = pytest.mark.pictures


def draw(path, *names):
    """A figure with names on its axis; warnings are errors."""
    figure = Figure((3, 2))
    figure.subplots().set_yticks(range(len(names)), names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.save_figure(figure, path)
    return path.read_bytes()


def test_other_fonts_have_what_the_first_one_lacks(tmp_path):
    fonts.told_boxes()
    box = draw(tmp_path / "a.png", UNKNOWN)
    assert fonts.told_boxes().startswith(
        f"Plots show boxes for characters that no installed font has: {UNKNOWN}. Install"
    )
    assert draw(tmp_path / "b.png", KNOWN) != box and not fonts.told_boxes()
    draw(tmp_path / "c.png", "plain", KNOWN, UNKNOWN, UNKNOWN)
    assert fonts.told_boxes().count(UNKNOWN) == 1 and not fonts.told_boxes()


def test_other_warnings_stay():
    with pytest.warns(UserWarning, match="mine"):
        fonts.drawn_with_fonts(Figure(), lambda: warnings.warn("mine", stacklevel=1))


def test_fonts_that_cannot_be_read_are_passed_over(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"none")
    assert not fonts._has(str(tmp_path / "broken.ttf"), "a") and not fonts._has(str(tmp_path / "none.ttf"), "a")
