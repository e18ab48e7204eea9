"""The decoder of pictures, compared with Pillow, and its errors."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from genesis_keras.data.pictures import BACKGROUND, decode_picture

SPEC = tf.TensorSpec([], tf.string)
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, [5, 7, 4], dtype=np.uint8)


@tf.function(input_signature=[SPEC, SPEC], autograph=False)
def decode(content, name="it"):
    return decode_picture(content, name, 10_000)


def encode(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def as_a_viewer_shows(content):
    """Decodes a file with Pillow: upright, on white."""
    with Image.open(io.BytesIO(content)) as image:
        image = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", image.size, (BACKGROUND,) * 3 + (255,))
    return np.asarray(Image.alpha_composite(white, image).convert("RGB"))


def palette_image():
    image = Image.fromarray(PIXELS[..., 0])
    image.putpalette(RNG.integers(0, 256, 768).tolist())
    return image


def exif(orientation, order="II"):
    """An EXIF block of some entries, with the orientation as the second."""
    sign = "<" if order == "II" else ">"
    entries = [(0x010F, 3, 1, 77), (0x0112, 3, 1, orientation), (0x0128, 3, 1, 2)]
    body = order.encode() + struct.pack(f"{sign}HIH", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        body += struct.pack(f"{sign}HHIHxx", tag, kind, count, value)
    return b"Exif\0\0" + body + b"\0" * 4


PNGS = {
    "RGB": encode(Image.fromarray(PIXELS[..., :3])),
    "RGBA": encode(Image.fromarray(PIXELS)),
    "grey with alpha": encode(Image.fromarray(PIXELS[..., :2], "LA")),
    "grey": encode(Image.fromarray(PIXELS[..., 0])),
    "1 bit": encode(Image.fromarray(PIXELS[..., 0] > 99)),
    "palette": encode(palette_image()),
    "palette of 2 bits": encode(palette_image().quantize(3), bits=2),
    "palette with alpha": encode(palette_image(), transparency=PIXELS.tobytes()),
    "a transparent palette entry": encode(
        palette_image(), transparency=int(PIXELS[1, 2, 0])
    ),
    "a transparent colour": encode(
        Image.fromarray(PIXELS[..., :3]), transparency=tuple(PIXELS[1, 2, :3].tolist())
    ),
    "a transparent grey": encode(
        Image.fromarray(PIXELS[..., 0]), transparency=int(PIXELS[1, 2, 0])
    ),
}


@pytest.mark.parametrize("kind", PNGS)
def test_png_files_look_as_in_a_viewer(kind):
    found = decode(PNGS[kind]).numpy().astype(int)
    assert np.abs(found - as_a_viewer_shows(PNGS[kind])).max() <= 1  # rounded


def test_transparent_pixels_are_white_whatever_their_colour():
    pixels = np.zeros([1, 3, 4], np.uint8)
    pixels[0, 1] = 40, 50, 60, 255
    pixels[0, 2] = 100, 0, 200, 51  # a fifth: 0.2 * 100 + 0.8 * 255 = 224
    expected = [[[255, 255, 255], [40, 50, 60], [224, 204, 244]]]
    assert decode(encode(Image.fromarray(pixels))).numpy().tolist() == expected


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("order", ["II", "MM"])
def test_pictures_are_turned_as_exif_says(form, order):
    pixels = PIXELS[..., :3] if form == "PNG" else np.zeros([16, 24, 3], np.uint8)
    if form == "JPEG":
        pixels[:6, :9, 0] = 255
    image = Image.fromarray(pixels)
    for orientation in range(10):
        content = encode(image, form, exif=exif(orientation, order))
        found = decode(content).numpy().astype(int)
        expected = as_a_viewer_shows(content)
        assert found.shape == expected.shape, orientation
        assert np.abs(found - expected).max() <= 5 * (form == "JPEG"), orientation


def test_exif_after_other_segments_and_damaged_exif():
    content = encode(Image.fromarray(PIXELS[..., :3]), "JPEG")
    body = exif(6)
    segment = b"\xff\xff\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    other = b"\xff\xe5" + struct.pack(">H", 4002) + b"\xff\xe1" * 2000
    assert decode(content[:2] + other + segment + content[2:]).shape == (7, 5, 3)
    for stop in range(6, len(body)):
        cut = b"\xff\xe1" + struct.pack(">H", stop + 2) + body[:stop]
        assert decode(content[:2] + cut + content[2:]).shape[2] == 3
    endless = b"\xff\xe1" + struct.pack(">H", 16) + b"Exif\0\0II*\0\x08\0\0\0"
    directory = struct.pack("<H", 65535)
    found = decode(content[:2] + endless + directory + content[2:])
    assert found.shape == (5, 7, 3)


def test_mpo_trailing_bytes_and_sixteen_bits(fixtures):
    mpo = (fixtures / "pictures" / "mpo.jpg").read_bytes()
    with Image.open(io.BytesIO(mpo)) as image:
        assert image.format == "MPO"
    assert np.abs(decode(mpo).numpy().astype(int) - as_a_viewer_shows(mpo)).max() <= 5
    for content in (mpo, PNGS["RGBA"], encode(Image.new("RGB", (9, 9)), "JPEG")):
        with_film = content + b"\0\0\0\x18ftypmp42" + bytes(9000)
        np.testing.assert_array_equal(decode(with_film), decode(content))
    deep = Image.fromarray((PIXELS[..., 0].astype(np.uint16) << 8) + 7)
    np.testing.assert_array_equal(decode(encode(deep))[..., 1], PIXELS[..., 0])


def resized(content, width, height):
    """A PNG whose header says another size, with the right checksum."""
    header = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    checksum = struct.pack(">I", zlib.crc32(header))
    return content[:12] + header + checksum + content[33:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it must be a PNG or JPEG file; got 0 bytes"),
        (b"GIF89a" + bytes(99), "it must be a PNG or JPEG file; got 105 bytes"),
        (PNGS["RGB"][:25], "it must be a PNG or JPEG file; got 25 bytes"),
        (resized(PNGS["RGB"], 101, 100), "at most 10000 pixels; got 100 x 101"),
        (resized(PNGS["RGB"], 2**31, 2**31), "at most 10000 pixels"),
        (resized(PNGS["RGB"], 0, 5), "at most 10000 pixels; got 5 x 0"),
        (resized(PNGS["RGB"], 7, 6), "Invalid PNG data"),
        (PNGS["RGB"][:-20], "Invalid PNG data"),
        ("short_data.png", "Invalid PNG data"),
        ("lossless.jpg", "Invalid JPEG data"),
        (encode(Image.new("RGB", (9, 9)), "JPEG")[:-4], "Invalid JPEG data"),
    ],
)
def test_what_is_no_picture_is_refused(content, message, fixtures):
    if isinstance(content, str):
        content = (fixtures / "pictures" / content).read_bytes()
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode(content)
