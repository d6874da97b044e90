"""A format: TensorFlow's, by another name."""

from tfpipelines.exporting.formats.saved_model import SavedModel


class Bundle(SavedModel):
    runs_in = "whatever runs TensorFlow"
