"""SavedModel: raw samples in, answers with their names out; as TensorFlow Serving loads it."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..exporter import Arrays, Exporter, Feeds, Runtime, keywords
from ..script import Runner

if TYPE_CHECKING:
    from ...models import Served


class SavedModel(Exporter):
    """The one format that has strings: names of classes, verdicts, texts as they are."""

    runs_in = "TensorFlow Serving"
    file = "saved_model.pb"
    packages = ("tensorflow", "keras", "tensorflow-text")
    whole = True

    def write(self, served: "Served", folder: Path, quantize: str | None, calibration: Feeds | None) -> None:
        from ..graphs import function_of, write_graph

        write_graph(function_of(served, self.whole, words=True), served.input.model, folder)

    def call(self, path: Path, arguments: dict[str, str]) -> list[str]:
        given = keywords({name: f"tf.constant({array})" for name, array in arguments.items()})
        loaded = f'served = tf.saved_model.load({str(path)!r}).signatures["serving_default"]'
        return ["import numpy as np, tensorflow as tf", loaded, f"print(served({given}))"]

    def runner(self) -> Runner:
        loaded = 'model = tf.saved_model.load(str(HERE))\nserved = model.signatures["serving_default"]'
        run = "run = lambda feeds: served(**{name: tf.constant(value) for name, value in feeds.items()})"
        return Runner("tensorflow", "import tensorflow as tf", f"{loaded}\n{run}")

    def open_runtime(self, folder: Path) -> Runtime:
        """What TensorFlow says of the files, without Keras."""
        import tensorflow as tf

        loaded = tf.saved_model.load(str(folder))
        signature = loaded.signatures["serving_default"]

        def run(feeds: Arrays, keep: object = loaded) -> Arrays:
            answer = signature(**{name: tf.constant(value) for name, value in feeds.items()})
            return {name: value.numpy() for name, value in answer.items()}

        return run  # which keeps what is loaded: its variables live as long as it does
