"""Networks of the user's own: they are trained, resumed, searched and exported as ours are; their code runs only where
the user trusts it; and what is wrong with it is told with file and line.
"""

import os
import pickle
import re
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tfpipelines
from tfpipelines import ArtifactError, ConfigError, Observer, exporting, networks
from tfpipelines.catalogue import network_template
from tfpipelines.core import config
from tfpipelines.core.config import Code
from tfpipelines.core.config.kinds import IMAGES
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.core.trust import remember
from tfpipelines.errors import Interrupted
from tfpipelines.exporting.formats import exporters
from tfpipelines.tasks import SCHEMAS, new_task
from tfpipelines.tuning import unchanged_state

from ..conftest import ROOT, some

FEW = ["train.epochs=2", "train.batch_size=16", "train.warmup_epochs=0", "data.limit=64", "evaluation.bootstrap=20"]
SMALL = {
    "image-cls": FEW,
    "tabular": FEW,
    "text-cls": FEW,
    **dict.fromkeys(("anomaly", "anomaly-table", "anomaly-series"), [*FEW, "evaluation.baselines=false"]),
}
SMALL["anomaly"] = [*SMALL["anomaly"], "data.size=32"]
SMALL["anomaly-series"] = [*SMALL["anomaly-series"], "data.on_leak=warn"]  # else the limit leaves no test windows

HEAD = "import keras\n\n\ndef net(input_shape, classes, width: int = 4):\n    inputs = keras.Input(input_shape)\n"
BODY = "    x = keras.layers.Dense(width)(keras.layers.Flatten()(inputs))\n"
END = "    return keras.Model(inputs, keras.layers.Dense(classes)(x))\n"
GOOD = HEAD + BODY + END


def own(text: str, name: str = "mixer.py") -> str:
    """Writes a file of code; what `model.name` says of the network in it."""
    Path(name).write_text(text)
    return f"{name}:net"


def template(task: str) -> str:
    """The same of what `tfpipe init network` gives."""
    Path("own.py").write_text(network_template(Path("own.py"), task)[0])
    return "own.py:own"


class Stop(Observer):
    """Stops a run in its second epoch."""

    def step(self, epoch, done, total):
        if (epoch, done) == (2, 2):
            os.kill(os.getpid(), signal.SIGTERM)


def stopped(*overrides, name="stopped"):
    with pytest.raises(Interrupted):
        tfpipelines.run("image-cls", [*FEW, "train.steps_per_execution=1", *overrides], observer=Stop(), name=name)
    return Path("runs") / name


# --- as any other network
@pytest.mark.slow
@pytest.mark.parametrize("task", sorted(SMALL))
def test_the_template_is_trained_resumed_and_read_back_as_any_network(task):
    name, overrides = template(task), [*SMALL[task], "model.width=8", "train.steps_per_execution=1"]
    whole = tfpipelines.run(task, [*overrides, f"model.name={name}"], observer=Observer())
    assert (whole.folder / "network.py").read_text() == Path("own.py").read_text()
    with pytest.raises(Interrupted):
        tfpipelines.run(str(whole.folder / "pipeline.yaml"), observer=Stop(), name="stopped")
    Path("own.py").unlink()  # the copy in the run folder is enough
    resumed = tfpipelines.resume("runs/stopped", observer=Observer())
    written = (whole.folder / "predictions.csv").read_text()
    assert (resumed.folder / "predictions.csv").read_text() == written
    weights = zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in weights)
    assert (
        whole.pipeline.network.endswith("/own.py:own") and pickle.loads(pickle.dumps(whole.pipeline)) == whole.pipeline
    )


@pytest.mark.eager
@pytest.mark.parametrize("task", some(["anomaly-table", "image-cls", "tabular", "text-cls"], ("image-cls",)))
def test_the_template_is_trained_and_read_back(task):
    overrides = [*SMALL[task], "model.width=8", "train.epochs=1", f"model.name={template(task)}"]
    run = tfpipelines.run(task, overrides, observer=Observer())
    assert (run.folder / "network.py").read_text() == Path("own.py").read_text()
    Path("own.py").unlink()  # the copy in the run folder is enough
    again = tfpipelines.load(run.folder)
    weights = zip(run.model.get_weights(), again.model.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in weights)
    assert run.pipeline.network.endswith("/own.py:own") and pickle.loads(pickle.dumps(run.pipeline)) == run.pipeline


@pytest.mark.slow
def test_it_is_searched_over_its_own_field():
    changes = {"search.trials": 2, "search.final_seeds": [0], "search.space": {"model.width": [4, 6]}}
    settings = dict(word.split("=") for word in FEW) | {"train.epochs": 1, "model.name": own(GOOD)}
    search = tfpipelines.tune("image-cls", settings | changes, observer=Observer())
    assert set(search.leaderboard["status"]) == {"completed"} and set(search.leaderboard["model.width"]) == {4, 6}
    assert (search.runs[0].folder / "network.py").read_text() == GOOD
    assert len(search.runs[0].predict(np.zeros((3, 28, 28), np.uint8))) == 3
    (search.folder / "network.py").write_text(GOOD + "# more\n")
    pipeline = config.load(str(search.folder / "pipeline.yaml"), schemas=SCHEMAS).pipeline
    with pytest.raises(ConfigError, match="network.py has changed since the search began"):
        unchanged_state(RunFolder.open(search.folder), pipeline)


@pytest.mark.slow
def test_it_is_exported_in_every_format_with_proof():
    run = tfpipelines.run("image-cls", [*FEW, f"model.name={template('image-cls')}"], observer=Observer())
    for name in exporters():
        manifest = exporting.export(run, name, samples=20, note=print).manifest
        assert manifest["proof"]["largest_difference"] < 1e-4 and manifest["proof"]["flips"] == 0


LAYERS = """import keras


@keras.saving.register_keras_serializable("mine")
class Scale(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x):
        return x * self.scale


class Shift(keras.layers.Layer):
    def __init__(self, by, **more):
        super().__init__(**more)
        self.by = by

    def call(self, x):
        return x + self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}


def net(input_shape, classes):
    return keras.Sequential([keras.layers.Flatten(), Scale(), Shift(1.0), keras.layers.Dense(classes)])
"""


@pytest.mark.slow
@pytest.mark.eager
def test_layers_of_its_own_are_loaded_back_where_the_code_is_trusted(monkeypatch):
    run = tfpipelines.run("image-cls", [*FEW, f"model.name={own(LAYERS)}"], observer=Observer())
    written = pd.read_csv(run.folder / "predictions.csv")
    images = np.load(ROOT / "data" / "digits" / "digits.npz")["x"][written["item"]]
    again = tfpipelines.load(run.folder).predict(images)
    np.testing.assert_allclose(again.iloc[:, 2:].astype(float), written.iloc[:, 3:].astype(float), atol=1e-5)
    monkeypatch.setenv("TFPIPE_CONFIG", "elsewhere")
    monkeypatch.setattr("tfpipelines.models.loading._allowed", set())  # as in another process
    with pytest.raises(ArtifactError, match=r"mixer.py:net is code, .*network.py, that you have not trusted"):
        tfpipelines.load(run.folder).predict(images)
    assert len(tfpipelines.load(run.folder, trust=True).predict(images)) == len(images)


def test_equal_seeds_give_equal_weights_and_the_process_draws_on():
    import random

    section = config.load("image-cls", [f"model.name={own(GOOD)}"], schemas=SCHEMAS, ask=lambda code, _: remember(code))
    given = {"input_shape": (8, 8, 1), "classes": 3, "for_training": False}
    random.seed(1)
    build = lambda seed: networks.build_network(section.pipeline.model, seed=seed, **given).get_weights()
    one, same, other = build(5), build(5), build(6)
    assert np.array_equal(one[0], same[0]) and not np.array_equal(one[0], other[0])
    drawn = random.random()
    random.seed(1)
    assert random.random() == drawn


# --- trust
@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of an own network, whose file is gone."""
    home = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFPIPE_CONFIG", str(home / "config"))
        patch.chdir(home)
        return tfpipelines.run(
            "image-cls", [*FEW, f"model.name={own(GOOD)}"], observer=Observer(), name="own"
        ).folder.resolve()


@pytest.mark.eager
def test_what_is_made_of_the_model_needs_no_trust(finished, tfpipe):
    folder = Path(shutil.copytree(finished, "copy"))
    for words in (
        ["list", "runs", "--in", "."],
        ["report", folder],
        ["compare", folder, finished],
        ["show", folder / "pipeline.yaml"],
    ):
        assert tfpipe(*words).code == 0, words
    np.savez("x.npz", x=np.zeros((2, 28, 28), np.uint8), y=[0, 1])
    assert tfpipe("predict", folder, "x.npz").code == 0
    assert tfpipe("evaluate", folder, "x.npz").code == 0
    assert not Path(os.environ["TFPIPE_CONFIG"]).exists()


@pytest.mark.eager
@pytest.mark.parametrize("words", [["run"], ["tune"]])
def test_code_that_a_file_names_runs_only_if_it_is_trusted(words, finished, tfpipe):
    Path("pipeline.yaml").write_text(
        f"task: image-cls\ndata: {{path: 'sample:digits'}}\nmodel: {{name: '{own(GOOD)}'}}\n"
    )
    for file in ("pipeline.yaml", finished / "pipeline.yaml"):
        more = ["search.space={model.width: [4, 8]}"] if words == ["tune"] else []
        result = tfpipe(*words, file, *FEW, *more)
        assert result.code == 7 and "with all your permissions" in result.err and "--trust" in result.err
    assert not Path("runs").exists()
    if words == ["run"]:
        assert tfpipe("run", "pipeline.yaml", *FEW, "--trust").code == 0
        again = tfpipe("run", "pipeline.yaml", *FEW, "data.path=nowhere.npz")
        assert again.code == 3 and "nowhere.npz" in again.err  # it is remembered
        Path("mixer.py").write_text(GOOD + "\n")
        assert tfpipe("run", "pipeline.yaml", *FEW).code == 7  # and it alone


def test_nothing_of_the_code_runs_before_it_is_trusted(tfpipe):
    code = f"open('ran', 'w')\n\n\ndef rule_width(width):\n    raise ValueError('the rule ran')\n\n\n{GOOD}"
    own(code.replace("import keras", ""))
    assert tfpipe("show", "image-cls", "model.name=mixer.py:net").code == 0
    Path("p.yaml").write_text("task: image-cls\ndata: {path: 'sample:digits'}\nmodel: {name: 'mixer.py:net'}\n")
    assert tfpipe("run", "p.yaml").code == 7 and not Path("ran").exists()
    assert "the rule ran" in tfpipe("run", "p.yaml", "--trust").err


def test_a_copy_that_somebody_changed_is_not_trusted(finished):
    folder = Path(shutil.copytree(finished, "copy"))
    (folder / "network.py").write_text(GOOD.replace("width: int = 4", "width: int = 4, more: int = 1"))
    assert not config.load(str(folder / "pipeline.yaml"), schemas=SCHEMAS).pipeline.model.origin.trusted


def test_what_lies_beside_trusted_code_does_not_run(finished, tmp_path, monkeypatch, tfpipe):
    own("import colorsys\nimport helper_x\n" + GOOD)
    Path("pipeline.yaml").write_text("task: image-cls\ndata: {path: 'sample:digits'}\nmodel: {name: 'mixer.py:net'}\n")
    for name in ("helper_x.py", "colorsys.py"):
        Path(name).write_text("open('ran', 'w')\n")
    monkeypatch.setattr("sys.path", [path for path in sys.path if path not in ("", str(tmp_path))])
    result = tfpipe("run", "pipeline.yaml", *FEW, "--trust")
    assert result.code == 2 and "there is no module helper_x" in result.err and not Path("ran").exists()


def test_a_module_that_is_not_the_code_of_the_run_does_not_run(finished, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(finished, "copy"))
    text = (folder / "pipeline.yaml").read_text()
    (folder / "pipeline.yaml").write_text(text.replace(re.search(r"name: (\S+mixer.py):net", text)[1], "other_module"))
    Path("other_module.py").write_text("open('ran', 'w')\n" + GOOD)
    monkeypatch.syspath_prepend(tmp_path)
    pipeline = config.load(str(folder / "pipeline.yaml"), schemas=SCHEMAS, ask=lambda code, _: remember(code)).pipeline
    assert pipeline.model.origin.trusted
    with pytest.raises(ArtifactError, match="other_module.py is not the code that you trusted"):
        networks.build_network(pipeline.model, input_shape=(8, 8, 1), classes=2, seed=0, for_training=False)
    assert not Path("ran").exists()


def test_only_names_of_networks_are_named(tfpipe):
    Path("sample.py").write_text(GOOD.replace("def net", "def digits"))
    Path("p.yaml").write_text("task: image-cls\ndata: {path: 'sample:digits'}\nmodel: {name: 'sample.py:digits'}\n")
    for word in ("data.path=sample.py:digits", "data.path=sample:digits"):
        assert tfpipe("run", "p.yaml", word).code == 7
    assert tfpipe("run", "image-cls", "model.name=sample.py:typo").code == 2
    assert not config.trust_store().exists()


@pytest.mark.eager
def test_resume_refuses_other_code_with_the_difference(tfpipe):
    folder = stopped(f"model.name={own(GOOD)}")
    own(GOOD.replace("Flatten()(inputs)", "Flatten()(inputs / 2)"))
    result = tfpipe("resume", folder)
    assert result.code == 2 and "mixer.py:net has changed since the run began" in result.err
    assert "+    x = keras.layers.Dense(width)(keras.layers.Flatten()(inputs / 2))" in result.err
    own(GOOD)
    (folder / "network.py").write_text(GOOD + "# more\n")
    assert "network.py has changed" in tfpipe("resume", folder).err
    (folder / "network.py").write_text(GOOD)
    assert tfpipe("resume", folder).code == 0


# --- what is wrong with it, in one sentence with file and line
WRONG = {
    "no model": (HEAD + "    inputs\n", ":4: net: it returns nothing, no keras.Model"),
    "a tensor": (HEAD + BODY + "    return x\n", "it returns a KerasTensor, no keras.Model"),
    "two outputs": (HEAD + BODY + "    return keras.Model(inputs, [x, x])\n", "its model has 2 outputs, not one"),
    "a batch size": (
        HEAD.replace("Input(input_shape)", "Input(batch_shape=(8, *input_shape))") + BODY + END,
        "its batch size is fixed at 8",
    ),
    "another batch size": (
        HEAD + BODY + "    x = keras.ops.reshape(x, (-1, 2 * width))\n" + END,
        "mixer.py",
    ),
    "other classes": (
        HEAD + BODY + "    return keras.Model(inputs, x)\n",
        "its model gives (4,), not (2,), a logit for each",
    ),
    "NaN": (HEAD + BODY + "    x = keras.ops.log(-1.0 - x * x)\n" + END, "its output is not finite"),
    "a softmax": (
        HEAD + BODY + END.replace("Dense(classes)", "Dense(classes, activation='softmax')"),
        "its output is probabilities",
    ),
    "a missing package": (
        GOOD.replace("    inputs", "    import no_such_package\n\n    inputs", 1),
        ":5: net: there is no module no_such_package",
    ),
    "an exception": (GOOD.replace("    inputs", "    {}['width']\n    inputs", 1), ":5: net: KeyError: 'width'"),
    "an error of Keras": (HEAD + "    x = keras.layers.Conv1D(3, 3)(inputs)\n" + END, ":6: net: ValueError: "),
    "an end": ("import sys\n\nsys.exit('enough')\n" + GOOD, ":3: <module>: SystemExit: enough"),
    "no Python": (GOOD + "def (\n", ":8: this is not Python"),
    "no such function": (GOOD.replace("def net", "def nett"), "has no function net"),
    "any arguments": (GOOD.replace("width: int = 4", "*width"), ":4: net: width takes any number of arguments"),
    "no annotation": (GOOD.replace("width: int = 4", "width=4"), ":4: net: width has no annotation"),
    "a computed default": (GOOD.replace("= 4", "= len('four')"), ":4: net: width has a default that is no literal"),
    "a name that is taken": (GOOD.replace("width", "weights"), ":4: net: weights has a name that fields"),
    "a lambda": (
        HEAD + BODY + "    x = keras.layers.Lambda(lambda y: y)(x)\n" + END,
        "is a Lambda, which cannot be loaded back",
    ),
    "no configuration": (
        "import keras\n\n\nclass Odd(keras.layers.Layer):\n    def __init__(self, by):\n        super().__init__()\n\n"
        "    def call(self, x):\n        return x\n\n\n"
        + (HEAD + BODY + "    x = Odd(3)(x)\n" + END).replace("import keras\n\n\n", ""),
        "cannot be rebuilt from its configuration",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_it_is_told_in_one_sentence(what):
    text, said = WRONG[what]
    with pytest.raises(ConfigError) as caught:
        tfpipelines.run(
            "image-cls", [*FEW, "data.size=8", "data.channels=1", f"model.name={own(text)}"], observer=Observer()
        )
    told = str(caught.value)
    assert (
        caught.value.exit_code == 2
        and said in told
        and f"{Path.cwd()}/mixer.py" in told
        and caught.value.cause.count("\n") == 0
    )
    assert not Path("runs").exists()


def test_an_error_while_it_is_trained_is_told_with_its_line():
    text = LAYERS.replace("return x + self.by", "return x + self.by if x.shape[0] is None else x.no_such_thing")
    text = text.replace(
        "def call(self, x):\n        return x + self.by if", "def call(self, x):\n        return x + self.by if"
    )
    with pytest.raises(ConfigError, match=r"mixer.py:\d+: \w+: AttributeError"):
        tfpipelines.run("image-cls", [*FEW, f"model.name={own(text)}"], observer=Observer())


def test_nan_at_the_first_step_is_the_networks():
    rare = "    x = x + keras.ops.log(keras.ops.max(inputs, (1, 2, 3))[:, None])\n"  # black images are rare
    np.savez("dark.npz", x=np.zeros((40, 8, 8), np.uint8), y=np.arange(40) % 2)
    words = [*FEW, "data.path=dark.npz", "data.on_leak=warn", f"model.name={own(HEAD + BODY + rare + END)}"]
    with pytest.raises(ConfigError, match=r"mixer.py:4: net: loss is .* of epoch 1"):
        tfpipelines.run("image-cls", words, observer=Observer())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.py:net", "nowhere.py does not exist"),
        ("mixer.py:", "names no function"),
        ("no_such_package.module:net", "There is no module no_such_package"),
        (":net", "names no function"),
        (f"{'a' * 300}.py:net", "is no path|does not exist"),
        ("~nobody_of_that_name/x.py:net", "is no path"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name, said):
    own(GOOD)
    with pytest.raises(ConfigError, match=said):
        config.load("image-cls", [f"model.name={name}"], schemas=SCHEMAS)


def test_a_network_of_another_task_is_refused_by_what_it_asks_for():
    with pytest.raises(ConfigError, match="input_shape has no annotation") as caught:
        config.load("text-cls", [f"model.name={own(GOOD)}"], schemas=SCHEMAS)
    assert "vocabulary" in caught.value.remedy
    for word, said in (("model.name=mixer.py", "mixer.py:FUNCTION"), ("model.name=mixer", "FILE.py:FUNCTION")):
        with pytest.raises(ConfigError, match=said):
            config.load("image-cls", [word], schemas=SCHEMAS)


def test_a_rule_of_one_network_leaves_the_others_of_its_file_alone():
    rule = "def rule_depth(depth):\n    pass\n\n\ndef deep(input_shape, classes, depth: int = 2):\n    pass\n"
    name = own(f"{GOOD}\n\n{rule}")
    assert config.load("image-cls", [f"model.name={name}"], schemas=SCHEMAS).pipeline.model.width == 4
    own(GOOD + "\n\ndef rule_depth(depth):\n    pass\n")
    with pytest.raises(ConfigError, match="depth is no field of net"):
        config.load("image-cls", [f"model.name={name}"], schemas=SCHEMAS)


def test_tasks_of_other_networks_take_none():
    with pytest.raises(ConfigError, match="dcgan takes no network of your own"):
        config.load("dcgan", [f"model.name={own(GOOD)}"], schemas=SCHEMAS)


TABLE = """import keras


def net(numbers, cardinalities, classes):
    values, codes = keras.Input((numbers,)), keras.Input((len(cardinalities),), dtype="int32")
    embedded = keras.layers.Embedding(max(cardinalities) + 1, 2)(codes)
    x = keras.ops.concatenate([values, keras.layers.Flatten()(embedded)], -1)
    return keras.Model([values, codes], keras.layers.Dense(classes)(x))
"""


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("", "", ""),
        (
            "[values, codes], ",
            "[codes, values], ",
            "takes .2,., and a sample is .4,.: |Give keras.Model .numbers, codes.",
        ),
        ("Dense(classes)", "Dense(classes + 1)", "gives .3,., not .2,."),
        (
            "keras.Model([values, codes], keras.layers.Dense(classes)(x))",
            "keras.Model(values, values)",
            "1 inputs?, not two",
        ),
        ("Dense(classes)", "Dense(classes, activation='softmax')", "must give logits"),
    ],
)
def test_a_network_for_tables_is_tried_with_numbers_and_codes(one, other, said):
    words = [f"model.name={own(TABLE.replace(one, other))}"]
    loaded = config.load("tabular", words, schemas=SCHEMAS, ask=lambda code, _: remember(code))
    if said:
        with pytest.raises(ConfigError, match=said):
            new_task(loaded.pipeline).preflight()
    else:
        assert new_task(loaded.pipeline).preflight() == []


# --- where it is found
def test_its_fields_are_shown_and_checked_like_others():
    name = own(GOOD.replace("width: int = 4", "width: int = 4, *, rate: float = 0.1"))
    pipeline = config.load("image-cls", [f"model.name={name}", "model.rate=1e-3"], schemas=SCHEMAS).pipeline
    assert (pipeline.model.width, pipeline.model.rate) == (4, 0.001)
    for word, said in (("model.width=x", "a whole number"), ("model.widht=3", "Did you mean model.width?")):
        with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
            config.load("image-cls", [f"model.name={name}", word], schemas=SCHEMAS)


def test_a_name_in_a_file_means_what_lies_beside_it(tmp_path):
    (tmp_path / "project").mkdir()
    own(GOOD, "project/mixer.py")
    file = Path("project/p.yaml")
    file.write_text("task: image-cls\ndata: {path: 'sample:digits'}\nmodel: {name: 'mixer.py:net', width: 3}\n")
    model = config.load(str(file), schemas=SCHEMAS).pipeline.model
    assert model.name == f"{tmp_path}/project/mixer.py:net" and model.width == 3


def test_a_module_is_found_without_being_imported(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    own(GOOD, "mine/mixers.py")
    monkeypatch.syspath_prepend(tmp_path)
    model = config.load("image-cls", ["model.name=mine.mixers:net"], schemas=SCHEMAS).pipeline.model
    assert model.origin.path == f"{tmp_path}/mine/mixers.py" and not model.origin.trusted
    with pytest.raises(ConfigError, match="RuntimeError: imported"):
        tfpipelines.run("image-cls", [*FEW, "model.name=mine.mixers:net"], observer=Observer())


def test_a_built_in_network_is_none_of_these():
    assert config.load("image-cls", schemas=SCHEMAS).pipeline.code is None
    assert Code("/a/b.py:net", "/a/b.py", "").module == "" and Code("a.b:net", "/a/b.py", "").module == "a.b"
    assert IMAGES.takes_own


def test_init_network_writes_what_can_be_run(tfpipe):
    result = tfpipe("init", "network", "mixer.py")
    assert result.code == 0 and "tfpipe run image-cls model.name=mixer.py:mixer" in result.out
    assert tfpipe("show", "image-cls", "model.name=mixer.py:mixer").code == 0
    assert tfpipe("init", "network", "mixer.py").code == 2
    assert "takes no network of your own" in tfpipe("init", "network", "m.py", "--task", "dcgan").err
    assert "no name of a Python file" in tfpipe("init", "network", "my-net.py").err
