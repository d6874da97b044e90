"""Modules of TensorFlow and Keras that are loaded late, each case in a process of its own."""

import subprocess
import sys

import pytest

from ..conftest import ROOT

MADE = """
import importlib, sys
from tfpipelines.core import late_imports

late_imports._LATE = {"pack.late": "", "pack.swaps": "", "pack.broken": "", "pack.absent": ""}
late_imports._REFUSED = {"decimal": ("pack.asks",)}
late_imports.install()
sys.path.insert(0, sys.argv[1])
import pack
from pack import broken, late, swaps
"""
FILES = {
    "__init__": "count = 0",
    "late": "import pack\n__all__ = ['loaded']\nloaded = True\npack.told = True",
    "swaps": "import sys, types\nsys.modules[__name__] = types.SimpleNamespace(other=3)",
    "broken": "import pack\npack.count += 1\nif pack.count == 1: raise ImportError('cracked')\nwhole = True",
    "asks": "try:\n    import decimal\nexcept ImportError:\n    decimal = None",
}
USES = {
    "at the first use of a name": """
assert "pack.late" in sys.modules and late.__file__.endswith("late.py") and not hasattr(late, "__wrapped__")
assert not hasattr(pack, "told")
assert late.loaded and pack.told and importlib.import_module("pack.late") is late
assert not hasattr(late, "nothing")
""",
    "when its names are listed": "assert 'loaded' in dir(late) and pack.told",
    "by a star": "from pack.late import *\nassert loaded",
    "and may put another object into its place": "assert swaps.other == 3 and not hasattr(swaps, 'nothing')",
    "again where that has failed": """
try:
    broken.whole
    raise AssertionError
except ImportError as error:
    assert str(error) == "cracked"
assert broken.whole and pack.count == 2
""",
    "unless it is not there": """
try:
    import pack.absent
    raise AssertionError
except ModuleNotFoundError as error:
    assert error.name == "pack.absent"
""",
    "and what one module is refused others get": """
sys.modules.pop("decimal", None)
from pack import asks
import decimal
assert asks.decimal is None and decimal.Decimal(1) == 1
""",
}
REAL = """
import sys
from tfpipelines.core.late_imports import install

install()
import inspect
import keras, tensorflow

kept_out = {"jax", "matplotlib", "sklearn", "scipy"}
inspect.getmodule(install)  # which asks all modules for their files
assert not kept_out & {*sys.modules}, kept_out & {*sys.modules}

import scipy.sparse, sklearn.base
from tensorflow.keras.wrappers import SKLearnRegressor
from tensorflow.python.keras.engine import training_v1
assert issubclass(keras.wrappers.SKLearnClassifier, sklearn.base.BaseEstimator)
assert training_v1.issparse is scipy.sparse.issparse

import matplotlib.pyplot
assert "plot_image_gallery" in dir(keras.visualization)
assert keras.src.visualization.plot_image_gallery.plt is matplotlib.pyplot

network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
assert len(tensorflow.lite.TFLiteConverter.from_keras_model(network).convert()) > 500
try:
    import jax
except ImportError:
    assert tensorflow.lite.python.lite._jit is None
else:
    assert jax.monitoring.record_scalar
    function = lambda x: 2 * x
    given = [("x", jax.numpy.ones(3))]
    converted = tensorflow.lite.TFLiteConverter.experimental_from_jax([function], [given]).convert()
    assert len(converted) > 500
"""
PREDICT = """
import sys
from tfpipelines.cli import main

sys.argv[1:] = ["predict", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code
loaded = {"jax", "matplotlib", "sklearn", "scipy"} & {*sys.modules}
assert "tensorflow" in sys.modules and not loaded, loaded
"""


@pytest.mark.parametrize("use", USES)
def test_a_module_is_loaded(use, tmp_path):
    (tmp_path / "pack").mkdir()
    for name, text in FILES.items():
        (tmp_path / "pack" / f"{name}.py").write_text(text)
    in_process(MADE + USES[use], str(tmp_path))


@pytest.mark.slow
def test_tensorflow_and_keras_work_with_what_they_load_late():
    in_process(REAL)


@pytest.mark.slow
def test_predictions_of_the_command_line_load_no_optional_library():
    run = ROOT / "tests" / "runs_of_earlier_versions" / "0.1.0" / "image-cls"
    in_process(PREDICT, str(run), str(ROOT / "docs" / "_static" / "digit.png"))


def in_process(code, *words):
    run = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr[-2000:]
