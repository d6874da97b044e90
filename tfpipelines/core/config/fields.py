"""Fields of sections, with what is said of them; `checks` are those of pydantic's Field, such as gt=0."""

from typing import Any

from pydantic import Field

from .section import FIXED


def field(default: Any, description: str, **checks: Any) -> Any:
    """A field; without a default where that is `...`."""
    return Field(default, description=description, **checks)


def fixed(default: Any, description: str, **checks: Any) -> Any:
    """The same that a hyperparameter search must not touch."""
    return Field(default, description=description, json_schema_extra=FIXED, **checks)
