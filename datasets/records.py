"""Reads TFRecord files and the `tf.train.Example`s in them, without TensorFlow.

The multi-object data sets store every byte of an image as a separate string in a bytes
list. Standard parsers create tens of thousands of Python or tensor objects for each
image; here an image is read with a single strided copy.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np

# A record: its length (uint64), a checksum of that, the data, a checksum of the data.
_HEADER = struct.Struct("<QI")
_FOOTER_BYTES = 4
_MAX_RECORD = 2**28  # bytes; records of the data sets have a few megabytes

# A single byte in a bytes list begins with the tag of field 1 and the length 1.
_BYTE_PREFIX = (0x0A, 1)


def read_examples(
    path, kinds: Mapping[str, str], *, compressed: bool
) -> Iterator[dict[str, np.ndarray | bytes]]:
    """Reads the examples of a TFRecord file.

    Args:
        path: The file, which errors name.
        kinds: Dict from feature names to formats: "bytes" for a list of single bytes;
            "floats" for a float list; "blob" for a bytes list of one element.
        compressed: Whether the file is compressed with GZIP.

    Yields:
        A dict for each example, from names to uint8 [N], float32 [N] or bytes.

    Raises:
        ValueError: If the file is damaged, truncated, or has other contents.
    """
    opener = gzip.open if compressed else open
    index = 0
    try:
        with opener(path, "rb") as file:
            for record in read_records(file):
                yield parse_example(record, kinds)
                index += 1
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{str(path)!r} is damaged, incomplete or another file: record {index}: "
            f"{error}. Delete it and fetch it again."
        ) from error


def read_records(file: BinaryIO) -> Iterator[bytes]:
    """Reads the records of an open TFRecord file.

    Raises:
        ValueError: If the file ends within a record, or a length does not match its
            checksum.
    """
    while header := file.read(_HEADER.size):
        if len(header) < _HEADER.size:
            raise ValueError("the file ends within a record")
        length, checksum = _HEADER.unpack(header)
        if masked_crc32c(header[:8]) != checksum:
            raise ValueError("this is no TFRecord")
        if length > _MAX_RECORD:
            raise ValueError(f"a record of {length:,} bytes, over {_MAX_RECORD:,}")
        record = file.read(length)
        if len(record) < length or len(file.read(_FOOTER_BYTES)) < _FOOTER_BYTES:
            raise ValueError("the file ends within a record")
        yield record


def masked_crc32c(data: bytes) -> int:
    """Returns the TFRecord checksum; a slow loop, for a few bytes only."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def parse_example(
    record: bytes, kinds: Mapping[str, str]
) -> dict[str, np.ndarray | bytes]:
    """Parses some features of a serialized `tf.train.Example`.

    Args:
        record: The serialized example.
        kinds: As in `read_examples`; other features are skipped.

    Returns:
        Dict from names to uint8 [N], float32 [N] or bytes.

    Raises:
        ValueError: If this is not an example, or a feature is missing or has another
            format.
    """
    result = {}
    try:
        # Example {features: Features {feature: map<string, Feature>}}; Feature is one
        # of bytes_list, float_list and int64_list. All have field number 1, except for
        # the lists, which are 1, 2 and 3.
        for features in _messages(record, (0, len(record))):
            for entry in _messages(record, features):
                (key_start, key_stop), feature = _messages(record, entry)
                name = record[key_start:key_stop].decode()
                if name in kinds:
                    (content,) = _messages(record, feature)
                    result[name] = _READERS[kinds[name]](record, *content)
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("this is no tf.train.Example") from error
    except ValueError as error:
        raise ValueError(f"it cannot be parsed: {error}") from error
    if missing := sorted(kinds.keys() - result.keys()):
        raise ValueError(f"it has no feature {', '.join(missing)}")
    return result


def _messages(record, span):
    """Yields (start, stop) of each length-delimited field in `span` of `record`."""
    position, stop = span
    while position < stop:
        tag, position = _varint(record, position)
        if tag & 7 != 2:
            raise ValueError(f"field with tag {tag} where a message was expected")
        length, position = _varint(record, position)
        if position + length > stop:
            raise ValueError("a field is longer than what holds it")
        yield position, position + length
        position += length


def _varint(record, position):
    value = shift = 0
    while True:
        byte = record[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _single_bytes(record, start, stop):
    content = np.frombuffer(record, np.uint8, stop - start, start)
    tag, length = _BYTE_PREFIX
    if (
        len(content) % 3
        or np.any(content[::3] != tag)
        or np.any(content[1::3] != length)
    ):
        raise ValueError("a feature is no list of single bytes")
    return np.ascontiguousarray(content[2::3])


def _floats(record, start, stop):
    if start < stop and record[start] == 0x0A:  # packed encoding
        spans = list(_messages(record, (start, stop)))
        start, stop = spans[0]
        if len(spans) > 1 or (stop - start) % 4:
            raise ValueError("a feature is no list of floats")
        return np.frombuffer(record, "<f4", (stop - start) // 4, start)
    values = np.frombuffer(record, np.uint8, stop - start, start)
    if len(values) % 5 or np.any(values[::5] != 0x0D):
        raise ValueError("a feature is no list of floats")
    return np.ascontiguousarray(values.reshape(-1, 5)[:, 1:]).view("<f4")[:, 0]


def _blob(record, start, stop):
    spans = list(_messages(record, (start, stop)))
    if len(spans) != 1:
        raise ValueError(f"a feature has {len(spans)} elements instead of one")
    return record[spans[0][0] : spans[0][1]]


_READERS = {"bytes": _single_bytes, "floats": _floats, "blob": _blob}
