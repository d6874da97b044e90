"""Pipeline files: schema, YAML, overrides, search space. Nothing here loads TensorFlow."""

from .backbones import WORDS as WORDS_ENCODER
from .backbones import (
    BackboneSource,
    backbone_source,
    is_path,
    known_backbones,
    require_weights,
    text_encoder,
    text_source,
)
from .candidates import given_fields, with_chosen
from .files import SCHEMA_COMMENT, description, find_pipeline, packaged, pipeline_names, read_yaml, sample_names
from .load import Ask, changed_since, load, validate, with_values
from .networks import is_fitted
from .overrides import parse_overrides
from .own import COPY as CODE_COPY
from .own import Code, codes_of, current_text
from .own import short as short_name
from .own import store as trust_store
from .pipeline import Pipeline
from .plugged import packages_of
from .presets import file_schema
from .renamed import renames
from .resolved import absolute_backbone, as_dict, difference, differing, to_yaml, with_absolute_paths
from .search import BUDGETS, Dimension, Search
from .section import Role, fields_that

__all__ = [
    "BUDGETS", "CODE_COPY", "SCHEMA_COMMENT", "WORDS_ENCODER", "Ask", "BackboneSource", "Code", "Dimension",
    "Pipeline", "Role", "Search", "absolute_backbone", "as_dict", "backbone_source", "changed_since", "codes_of",
    "current_text", "description", "difference", "differing", "fields_that", "find_pipeline", "given_fields",
    "file_schema", "is_fitted", "is_path", "known_backbones", "load", "packaged", "packages_of", "parse_overrides",
    "pipeline_names", "read_yaml", "renames", "require_weights", "sample_names", "short_name", "text_encoder",
    "text_source", "to_yaml", "trust_store", "validate", "with_absolute_paths", "with_chosen", "with_values",
]  # fmt: skip
