"""Names of identifiers."""

import pytest

from tfpipelines.datasets.identifiers import named_like_identifier


@pytest.mark.parametrize(
    ("names", "narrowly", "widely"),
    [
        (["id", "ID", "customer_id", "rowId", " Index ", "x.uuid", "row", "serial"], True, True),
        (["key", "Uid", "row_number", "Unnamed: 0", ""], False, True),
        (["paid", "humid", "ROWID", "rows", "keys", "identity"], False, False),
    ],
)
def test_names(names, narrowly, widely):
    assert {named_like_identifier(name) for name in names} == {narrowly}
    assert {named_like_identifier(name, widely=True) for name in names} == {widely}
