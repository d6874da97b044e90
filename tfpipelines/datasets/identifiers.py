"""Names of columns that number or name rows, and measure nothing."""

import re

_WORDS = "id|uuid|guid|index|idx|row|rownum|serial"
_FURTHER = "uid|key|row_number"
_CAMEL = "[a-z]I[dD]$"
_IDENTIFIER = re.compile(rf"(^|[_\W])({_WORDS})$|{_CAMEL}", re.ASCII)
_WIDELY = re.compile(rf"(^|[_\W])({_WORDS}|{_FURTHER})$|{_CAMEL}|^unnamed: ?\d+$|^$", re.ASCII)


def named_like_identifier(name: str, widely: bool = False) -> bool:
    """Whether a column has a name of identifiers, such as `customer_id`, `rowId` or `Index`.

    Args:
        widely: whether names count that may be those of measurements, too, such as `key`; for columns whose cells look
            like identifiers.
    """
    pattern, name = _WIDELY if widely else _IDENTIFIER, name.strip()
    return bool(pattern.search(name) or pattern.search(name.lower()))
