"""Pipelines whose data are behind URLs."""

from ...core.config import Pipeline, Role, fields_that
from ...core.urls import Address, has_several, is_remote
from ...core.words import listed
from ...errors import ConfigError
from .copies import pinned
from .origin import Tell

_BESIDE = ("root", "masks")  # fields of folders whose files belong to those of the data


def with_copies(pipeline: Pipeline, tell: Tell) -> Pipeline:
    """The same pipeline, whose URLs of data have been fetched and name just that content, by its hash or revision.

    So its file means the same data for ever, and what goes on with it asks nobody.

    Raises:
        ConfigError, DataError, ResourceError: see `local_copy`.
    """
    data = pipeline.data
    given = {field: getattr(data, field) for field in fields_that(type(data), Role.PATH)}
    urls = {field: url for field, url in given.items() if url and is_remote(url)}
    if beside := [field for field in urls if field in _BESIDE]:
        cause = f"data.{beside[0]}={urls[beside[0]]}: files beside the data are not read from a URL."
        raise ConfigError(cause, "Put them into one folder or archive with the data, or give a local folder.")
    _require_told_apart(urls)
    changes = {field: pinned(url, tell) for field, url in urls.items()}
    return pipeline.model_copy(update={"data": data.model_copy(update=changes)}) if changes else pipeline


def _require_told_apart(urls: dict[str, str]) -> None:
    """Raises ConfigError if two fields have URLs that differ only in what is secret, which a run does not keep."""
    fields: dict[str, list[str]] = {}
    for field, url in urls.items():
        fields.setdefault(Address.of(url).url, []).append(f"data.{field}")
    for url, same in fields.items():
        if len(same) > 1 and has_several(url):
            cause = f"The URLs of {listed(same)} differ only in what is secret, which a run does not keep: {url}."
            raise ConfigError(cause, "Download them, and give the local files.")
