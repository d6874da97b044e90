"""Rows that come one by one, in pieces of any size."""

import pytest

from tfpipelines.datasets import RowStream, Unread
from tfpipelines.errors import DataError

TABLE = 'a,"the b",c\r\n1,x,\n"2","two\nlines, ""quoted""",5" pipe\n\n3,y\n4,\xff,z\n5,"a"b,c\n6,ü,7'
ROWS = [
    {"a": "1", "the b": "x", "c": ""},
    {"a": "2", "the b": 'two\nlines, "quoted"', "c": '5" pipe'},
    "line 6: 2 fields, but the header has 3",
    "line 7: byte 2 (0xff) is not UTF-8",
    "line 8: ',' expected after '\"'",
    {"a": "6", "the b": "ü", "c": "7"},
]


def stream(content: bytes, size: int = 1 << 16) -> RowStream:
    pieces = [content[first : first + size] for first in range(0, len(content), size)]
    return RowStream(lambda: pieces.pop(0) if pieces else b"")


def rows_of(content: bytes, size: int = 1 << 16, most: int = 100):
    return [row for rows in stream(content, size).batches(most) for row in rows]


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_rows_are_the_same_in_whatever_pieces_they_come(size):
    content = TABLE.encode("utf-8").replace("\xff".encode(), b"\xff")
    assert stream(content, size).header == ["a", "the b", "c"]
    assert rows_of(content, size) == ROWS and sum(isinstance(row, Unread) for row in rows_of(content, size)) == 3


def test_as_many_rows_at_a_time_as_have_come():
    pieces = [b"a,b\n1,2\n3,", b"4\n5,6\n", b"7,8\n9,0\n1,1\n", b""]
    rows = RowStream(lambda: pieces.pop(0))
    assert len(pieces) == 3  # no more is waited for than the first line
    sizes = []
    for some in rows.batches(2):
        sizes.append((len(some), len(pieces)))
    assert sizes == [(1, 3), (2, 2), (2, 1), (1, 1)]


def test_other_forms():
    assert rows_of(b"\xef\xbb\xbfsep=;\na;b\n1;2\n") == [{"a": "1", "b": "2"}]
    assert rows_of(b"\n\na\tb\n1\t2,5\n") == [{"a": "1", "b": "2,5"}]
    lines = b'{"a": 1, "b": null}\n\n[1]\n{"a": 2\n{"b": true}'
    expected = [{"a": 1, "b": None}, "line 3: not a JSON object", None, {"b": True}]
    found = rows_of(lines, size=3)
    assert found[2].startswith("line 4: not JSON") and [*found[:2], None, found[3]] == expected
    assert stream(lines).header == ["a", "b"] and stream(lines).first == '{"a": 1, "b": null}'


def test_a_field_that_does_not_end():
    assert rows_of(b'a,b\n1,2\n3,"4\n5,6\n')[1:] == ["line 3: a quoted field does not end, so lines 3 to 4 are no rows"]
    assert rows_of(b'a,b\n1,2\n3,"4')[1:] == ["line 3: a quoted field does not end"]
    found = rows_of(b'a,b\n3,"' + b"4\n" * 1_500 + b"5,6\n")
    assert found[0] == "line 2: a quoted field does not end, so lines 2 to 1001 are no rows"
    assert isinstance(found[0], Unread) and found[-1] == {"a": "5", "b": "6"}  # what is read of it is bounded


@pytest.mark.parametrize(
    "content, message",
    [(b"", "holds no rows"), (b"\n\n", "holds no rows"), (b"a,a\n1,2\n", "appears twice"),
     ("a,b\n".encode("utf-16"), "UTF-16"), (b"a,\0b\n", "line 1: a NUL byte")],
)  # fmt: skip
def test_a_first_line_that_is_none(content, message):
    with pytest.raises(DataError, match=message):
        stream(content)
