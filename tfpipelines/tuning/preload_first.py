"""What the server of worker processes loads before TensorFlow."""

from tfpipelines.core.late_imports import install

install()
