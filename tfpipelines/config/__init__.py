"""Pipeline files: schema, YAML, overrides, search space. Nothing here loads TensorFlow."""

from .backbones import BackboneSource, backbone_source, is_path, known_backbones, require_weights
from .files import description, find_pipeline, packaged, pipeline_names, read_yaml, sample_names
from .load import (
    anchored,
    as_dict,
    changed_since,
    difference,
    differing,
    load,
    parse_overrides,
    to_yaml,
    validate,
    with_values,
)
from .pipeline import Pipeline
from .search import Dimension, Search
from .section import Role, fields_that

__all__ = [
    "BackboneSource", "Dimension", "Pipeline", "Role", "Search", "anchored", "as_dict", "backbone_source",
    "changed_since", "description", "difference", "differing", "fields_that", "find_pipeline", "is_path",
    "known_backbones", "load", "packaged", "parse_overrides", "pipeline_names", "read_yaml", "require_weights",
    "sample_names", "to_yaml", "validate", "with_values",
]  # fmt: skip
