"""The fast reader of TFRecords, compared with TensorFlow's, and damaged files."""

import gzip

import numpy as np
import pytest
import tensorflow as tf

ROOM = {"image": ([64, 64, 3], "bytes"), "mask": ([7, 64, 64, 1], "bytes")}
TETROMINOES = {
    "image": ([35, 35, 3], "bytes"),
    "mask": ([4, 35, 35, 1], "bytes"),
    "color": ([4, 3], "floats"),
    "x": ([4], "floats"),
}


@pytest.fixture
def records(builders):
    return builders("records")


def room_file(dummy):
    return dummy("objects_room")[1] / "objects_room_train.tfrecords"


def read_naively(path, features):
    """As the data sets' own reader does it."""
    kinds = {"bytes": tf.string, "floats": tf.float32}
    description = {
        name: tf.io.FixedLenFeature(shape, kinds[kind])
        for name, (shape, kind) in features.items()
    }
    for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP"):
        example = tf.io.parse_single_example(record, description)
        yield {
            name: (
                tf.io.decode_raw(value, tf.uint8)[..., 0]
                if value.dtype == tf.string
                else value
            ).numpy()
            for name, value in example.items()
        }


@pytest.mark.parametrize(
    ("name", "features"), [("objects_room", ROOM), ("tetrominoes", TETROMINOES)]
)
def test_same_as_tensorflow(records, dummy, name, features):
    path = dummy(name)[1] / f"{name}_train.tfrecords"
    kinds = {key: kind for key, (_, kind) in features.items()}
    fast = list(records.read_examples(path, kinds, compressed=True))
    naive = list(read_naively(path, features))
    assert len(fast) == len(naive) == 8
    for ours, theirs in zip(fast, naive, strict=True):
        for key, (shape, _) in features.items():
            assert ours[key].dtype == theirs[key].dtype
            np.testing.assert_array_equal(ours[key].reshape(shape), theirs[key])


def test_every_way_to_write_floats(records):
    floats = np.array([1.5, -2.0, 3e7], np.float32)
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=floats))
    packed = tf.train.Features(feature={"x": feature})
    record = tf.train.Example(features=packed).SerializeToString()
    np.testing.assert_array_equal(
        records.parse_example(record, {"x": "floats"})["x"], floats
    )
    # The older form: each number with a tag of its own.
    single = b"".join(b"\x0d" + value.tobytes() for value in floats)
    feature = b"\x12" + bytes([len(single)]) + single
    entry = b"\x0a\x01x\x12" + bytes([len(feature)]) + feature
    features = b"\x0a" + bytes([len(entry)]) + entry
    record = b"\x0a" + bytes([len(features)]) + features
    assert tf.train.Example.FromString(record).features.feature["x"].float_list
    np.testing.assert_array_equal(
        records.parse_example(record, {"x": "floats"})["x"], floats
    )


def test_checksums_are_those_of_tensorflow(records, tmp_path):
    path = tmp_path / "file"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"abc")
    header = path.read_bytes()[:12]
    assert records.masked_crc32c(header[:8]) == int.from_bytes(header[8:], "little")


def test_half_a_file(records, dummy, tmp_path):
    whole = room_file(dummy).read_bytes()
    path = tmp_path / "half.tfrecords"
    for length in [1, 9, 20, *range(1000, len(whole), 1500), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="half.tfrecords' is damaged"):
            list(records.read_examples(path, {"image": "bytes"}, compressed=True))


def test_half_a_file_without_compression(records, dummy, tmp_path):
    whole = gzip.decompress(room_file(dummy).read_bytes())
    path = tmp_path / "half"
    length = len(whole) // 8  # of a record, as all are alike
    for cut in (5, 14, length // 2, length - 2, length + 3):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="half' is damaged.*ends within a record"):
            list(records.read_examples(path, {"image": "bytes"}, compressed=False))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not found</html>", "Not a gzipped file"),
        (gzip.compress(b"<html>not found, not at all</html>"), "no TFRecord"),
    ],
    ids=["plain", "compressed"],  # else of the bytes, and gzip writes the time
)
def test_another_file(records, tmp_path, content, message):
    path = tmp_path / "page.tfrecords"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"page.tfrecords'.*{message}"):
        list(records.read_examples(path, {"image": "bytes"}, compressed=True))


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"depth": "bytes"}, "no feature depth"),
        ({"color": "bytes"}, "no list of single bytes"),
        ({"image": "floats"}, "no list of floats"),
        ({"image": "blob"}, "3675 elements instead of one"),
    ],
)
def test_other_features(records, dummy, kinds, message):
    path = dummy("tetrominoes")[1] / "tetrominoes_train.tfrecords"
    with pytest.raises(ValueError, match=f"tetrominoes_train.*record 0.*{message}"):
        list(records.read_examples(path, kinds, compressed=True))


def test_no_example_crashes_the_parser(records):
    good = tf.train.Example(
        features=tf.train.Features(
            feature={
                "image": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[b"a", b"b"])
                )
            }
        )
    ).SerializeToString()
    kinds = {"image": "bytes"}
    assert records.parse_example(good, kinds)["image"].tobytes() == b"ab"
    rng = np.random.default_rng(0)
    for _ in range(2000):
        bad = bytearray(good)
        bad[rng.integers(len(bad))] = rng.integers(256)
        try:
            records.parse_example(bytes(bad[: rng.integers(1, len(bad) + 1)]), kinds)
        except ValueError:
            continue
