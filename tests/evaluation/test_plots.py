"""Every picture is drawn, whatever the names and numbers."""

import numpy as np
import pytest
from PIL import Image

from tfpipelines.evaluation import plots

pytestmark = pytest.mark.pictures


def size(path):
    with Image.open(path) as image:
        image.load()
        colours = image.convert("L").getextrema()
        assert image.format == "PNG" and colours[0] < 100 < colours[1]
        pixels = np.asarray(image.convert("L"))
        edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
        assert min(edge.min() for edge in edges) > 200, "something is cut off at an edge"
        return image.size


def test_curves(tmp_path):
    rows = [
        {"epoch": n, "loss": 1 / n, "accuracy": 1 - 1 / n, "val_loss": 2 / n, "val_accuracy": 0.5, "learning_rate": 0.1}
        for n in (1, 2, 3)
    ]
    plots.plot_curves(tmp_path / "a.png", rows, 2)
    plots.plot_curves(tmp_path / "b.png", [{"epoch": 1, "loss": 1.0, "learning_rate": 0.1}], 0)
    assert size(tmp_path / "a.png")[0] > size(tmp_path / "b.png")[0]


@pytest.mark.parametrize(
    "classes",
    [
        ["a", "b"],
        [str(n) for n in range(10)],
        ["Smileys & Emotion", "People", "Animals", "Food", "Travel", "Activities", "Objects", "Symbols", "Flags"],
        ["$x^2$", "_", "a very long name of a class, too long for any axis", "日本"],
        [str(n) for n in range(100)],
    ],
)
def test_confusion_and_reliability(tmp_path, classes):
    generator = np.random.default_rng(0)
    labels, probabilities = generator.integers(0, len(classes), 50), generator.dirichlet(np.ones(len(classes)), 50)
    plots.plot_confusion(tmp_path / "a.png", labels, probabilities, classes)
    plots.plot_reliability(tmp_path / "b.png", labels, probabilities, 0.1, 1.0)
    assert size(tmp_path / "a.png")[0] < 2000 and size(tmp_path / "b.png")


@pytest.mark.parametrize(("count", "channels"), [(0, 1), (1, 3), (24, 1)])
def test_mistakes(tmp_path, count, channels):
    images = np.random.default_rng(0).integers(0, 256, (count, 12, 20, channels), dtype=np.uint8)
    plots.plot_mistakes(
        tmp_path / "a.png",
        images,
        ["folder/$name.png"] * count,
        ["x predicted as\ny (0.90)"] * count,
        f"the {count} most confident of {count} mistakes",
    )
    assert size(tmp_path / "a.png")


def test_matplotlib_is_left_as_it_was(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.plot_confusion(tmp_path / "a.png", np.array([0, 1]), np.eye(2), ["a", "b"])
    assert dict(matplotlib.rcParams) == before
