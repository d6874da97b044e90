"""Images that are not decoded, or would take too long."""

import io
import struct
import zlib

import pytest
from PIL import Image

from tfpipelines.serve import image_items
from tfpipelines.serve.image_items import looked_at, looked_at_one, undecoded
from tfpipelines.serve.items import Item
from tfpipelines.serve.limits import Limits

from .small_export import picture


def cause(content: bytes) -> str:
    told = looked_at_one(Item("image", "x", content), Limits())
    return "" if isinstance(told, Item) else told.problem.cause


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "MPO"])
def test_usual_formats_are_decoded(form):
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, form)
    assert cause(stream.getvalue()) == ""


@pytest.mark.parametrize("form", ["EPS", "ICO", "TGA", "PCX", "JPEG2000", "PPM"])
def test_other_formats_are_not(form):
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, form)
    assert "mage" in cause(stream.getvalue()) or "PostScript" in cause(stream.getvalue())


def test_long_sides_are_refused():
    assert "of a side" in cause(picture(0, (1, 20_001))) and "of a side" in cause(picture(0, (20_001, 1)))
    assert cause(picture(0, (1, 20_000))) == ""


def test_pixels_of_a_request_are_summed_up():
    items = [Item("image", str(number), picture(0, (10, 10))) for number in range(4)]
    limits = Limits(request_pixels=250)
    first, *_ = told = looked_at(items, [0, 0, 1, 1], [0, 100], limits)
    assert [isinstance(one, Item) for one in told] == [True, True, False, False] and first.pixels == 100
    problem = told[2].problem
    assert told[2].of_request and problem.status == 413 and problem.item is None and "0.0003" in problem.cause
    damaged = Item("image", "4", b"")
    told = looked_at([damaged, items[0]], [0, 0], [200], limits)
    assert told[0].problem.code == "unreadable" and not told[0].of_request and told[1].of_request
    late = looked_at(items[:1], [0], [0], limits, until=0.0)
    assert late[0].problem.status == 504


def test_headers_that_take_too_long_are_given_up(monkeypatch):
    monkeypatch.setattr(image_items, "_SECONDS", 0.02)
    good = picture(9)
    empty = struct.pack(">I4sI", 0, b"abCd", zlib.crc32(b"abCd"))
    assert "damaged" in cause(good[:33] + empty * 100_000 + good[33:])
    monkeypatch.setattr(image_items, "_SECONDS", 30.0)
    assert cause(good) == "" and cause(good[:33] + empty * 100 + good[33:]) == ""


def test_words_of_pillow_are_not_passed_on():
    from tfpipelines.datasets.decoding import decode_image
    from tfpipelines.errors import DataError

    with pytest.raises(DataError) as caught:
        decode_image(picture(9, (90, 90))[:-40])
    told = undecoded(Item("image", "x", b""), caught.value)
    assert told.problem.cause == "The image is damaged, or of a kind that is not decoded here."
