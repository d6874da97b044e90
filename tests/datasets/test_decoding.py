"""Decoding: one rule for every kind of file (FAULTS 1 to 5)."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tfpipelines import decode_image
from tfpipelines.datasets.decoding import decode_opened, open_image, read_header
from tfpipelines.errors import DataError


def encode(image: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """30 x 20 pixels of smooth colour."""
    y, x = np.mgrid[0:20, 0:30]
    return Image.fromarray(np.stack([x * 8, y * 12, 255 - x * 4 - y * 4], -1).astype(np.uint8))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_give_the_pixels(picture, form):
    assert np.array_equal(decode_image(encode(picture, form)), np.asarray(picture))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF"])
def test_an_image_whose_header_has_been_read_is_decoded_alike(picture, form):
    content = encode(picture, form)
    opened = open_image(content, usual=True)
    assert opened.size == (30, 20)
    assert np.array_equal(decode_opened(opened, content, 3, 255, None), decode_image(content))
    with pytest.raises(ValueError, match=r"closed|destroyed|Operation"):
        opened.getpixel((0, 0))
    damaged = content[: len(content) // 2]
    with pytest.raises(DataError):
        decode_opened(open_image(damaged), damaged, 3, 255, None)


@pytest.mark.parametrize(("form", "options"), [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("GIF", {})])
def test_lossy_formats_come_close(picture, form, options):
    assert np.abs(decode_image(encode(picture, form, **options)).astype(int) - np.asarray(picture)).mean() < 6


def test_cmyk_becomes_rgb(picture):
    decoded = decode_image(encode(picture.convert("CMYK"), "JPEG", quality=95))
    assert decoded.shape == (20, 30, 3) and np.abs(decoded.astype(int) - np.asarray(picture)).mean() < 6


def test_sixteen_bit_grey_is_divided_by_257():
    levels = np.arange(600, dtype=np.uint16).reshape(20, 30) * 109
    for channels in (1, 3):
        decoded = decode_image(encode(Image.fromarray(levels), "PNG"), channels)
        assert decoded.shape == (20, 30, channels)
        assert np.array_equal(decoded[..., 0], np.round(levels / 257).astype(np.uint8))


def test_transparency_is_laid_on_the_background(picture):
    rgba = picture.convert("RGBA")
    rgba.putalpha(Image.fromarray(np.repeat([[0, 255]], 20, 0).repeat(15, 1).astype(np.uint8)))
    for background in (255, 0):
        decoded = decode_image(encode(rgba, "PNG"), background=background)
        assert (decoded[:, :15] == background).all() and np.array_equal(decoded[:, 15:], np.asarray(picture)[:, 15:])
    grey = Image.merge("LA", (picture.convert("L"), Image.new("L", picture.size, 0)))
    assert (decode_image(encode(grey, "PNG"), 1) == 255).all()


def test_palette_is_expanded(picture):
    palette = picture.quantize(16)
    assert np.array_equal(decode_image(encode(palette, "PNG")), np.asarray(palette.convert("RGB")))
    transparent = decode_image(encode(palette, "PNG", transparency=palette.getpixel((0, 0))))
    assert (transparent[0, 0] == 255).all()


def test_first_frame_of_an_animation(picture):
    other = Image.new("RGB", picture.size, "red")
    for form in ("GIF", "WEBP", "PNG"):
        animated = encode(picture, form, save_all=True, append_images=[other, other])
        assert np.abs(decode_image(animated).astype(int) - np.asarray(picture)).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(picture, orientation):
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
    }
    turns |= {6: [Image.Transpose.ROTATE_90], 7: [Image.Transpose.TRANSVERSE], 8: [Image.Transpose.ROTATE_270], 1: []}
    stored = picture
    for turn in turns[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(stored, "PNG", exif=exif)
    assert np.array_equal(decode_image(content), np.asarray(picture))
    header = read_header(content)
    assert (header.height, header.width) == (20, 30) and (header.kind == "png") == (orientation == 1)


def test_grey_is_seen_in_the_header(picture):
    for image, grey in (
        (picture, False),
        (picture.convert("L"), True),
        (picture.convert("1"), True),
        (picture.convert("L").quantize(8), True),
        (picture.quantize(8), False),
    ):
        assert read_header(encode(image, "PNG")).grey == grey


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"not an image at all", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "not an image"),
        (b"\xff\xd8\xff", "not an image"),
    ],
)
def test_what_is_no_image_says_why(tmp_path, content, reason):
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        decode_image(path)
    assert str(caught.value).count("x.jpg") == 1


def test_truncated_files_are_refused(picture):
    for form in ("PNG", "JPEG", "BMP", "GIF", "WEBP"):
        content = encode(picture.resize((300, 200)), form)
        with pytest.raises(DataError):
            decode_image(content[: len(content) * 2 // 3])


def test_missing_file():
    with pytest.raises(DataError, match="absent.png: no such file"):
        decode_image("absent.png")


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a huge size."""
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(12_000, 12_000), (60_000, 60_000)])
def test_huge_claims_are_refused_before_decoding(size):
    for read in (decode_image, read_header):
        with pytest.raises(DataError, match="data.max_pixels"):
            read(bomb(*size))


def test_thirty_two_bit_images_are_refused():
    with pytest.raises(DataError, match="no agreed range"):
        decode_image(encode(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))


def test_png_metadata_behind_the_pixels_turn_it_too(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9), np.uint8)
    plain, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(plain, "PNG")
    content, body = plain.getvalue(), b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    late = len(body[4:]).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    end = content.index(b"IEND") - 4
    turned = content[:end] + late + content[end:]
    assert (read_header(turned).height, read_header(turned).width, read_header(turned).kind) == (9, 6, "other")
    assert np.array_equal(decode_image(turned, 1)[..., 0], np.rot90(pixels, -1))
    assert read_header(content).kind == "png"


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_damage_anywhere_is_a_data_error(picture, form):
    frames = [picture.resize((40, 30)), picture.resize((40, 30)).rotate(90)]
    try:
        content = (
            encode(frames[0], form, save_all=True, append_images=frames[1:])
            if form == "GIF"
            else encode(frames[0], form)
        )
    except (KeyError, OSError):  # Pillow was built without it
        return
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(content[: rng.integers(1, len(content) + 1)])
        damaged[rng.integers(len(damaged))] ^= int(rng.integers(1, 256))
        for read in (read_header, decode_image):
            try:
                read(bytes(damaged))
            except DataError:
                refused += 1
    assert refused > 10
