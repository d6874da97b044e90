"""Pipelines whose data are behind URLs."""

from ...core.config import Pipeline, Role, fields_that
from ...core.urls import is_remote
from .copies import pinned
from .origin import Tell


def with_copies(pipeline: Pipeline, tell: Tell) -> Pipeline:
    """The same pipeline, whose URLs of data have been fetched and name just that content, by its hash or revision.

    So its file means the same data for ever, and what goes on with it asks nobody.

    Raises:
        ConfigError, DataError, ResourceError: see `local_copy`.
    """
    data = pipeline.data
    given = {field: getattr(data, field) for field in fields_that(type(data), Role.PATH)}
    changes = {field: pinned(url, tell) for field, url in given.items() if url and is_remote(url)}
    return pipeline.model_copy(update={"data": data.model_copy(update=changes)}) if changes else pipeline
