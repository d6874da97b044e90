"""Amounts with a unit: times and sizes."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def _amount(units: dict[str, int], example: str):
    """What turns `2 h` or a plain number into a number of the smallest unit."""

    def convert(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = re.fullmatch(r"([0-9.eE+-]+)\s*([A-Za-z]*)", value.strip())
        if match is None or match[2].lower() not in {"", *units}:
            raise ValueError(f"give a number and a unit ({', '.join(units)}), such as {example}")
        try:
            return float(match[1]) * units.get(match[2].lower(), 1)
        except ValueError:
            raise ValueError(f"give a number and a unit ({', '.join(units)}), such as {example}") from None

    return convert


Duration = Annotated[
    float, Field(gt=0), BeforeValidator(_amount(_SECONDS, "90 min"), json_schema_input_type=float | str)
]
Size = Annotated[float, Field(gt=0), BeforeValidator(_amount(_BYTES, "10 GB"), json_schema_input_type=float | str)]
