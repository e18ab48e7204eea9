"""Random label maps and picture files, a few seconds of each."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from genesis_keras.data.pictures import decode_picture
from genesis_keras.metrics import adjusted_rand_index, segmentation_covering

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as arrays  # noqa: E402

# The same examples in each run, so that failures are reproducible.
SETTINGS = hypothesis.settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
SPEC = tf.TensorSpec([], tf.string)
MAX_PIXELS = 4096
DTYPES = st.sampled_from(["int8", "uint8", "int16", "uint32", "int64"])


@tf.function(input_signature=[SPEC], autograph=False)
def decode(content):
    return decode_picture(content, "it", MAX_PIXELS)


@st.composite
def label_maps(draw):
    """True and predicted labels of one image: few ids, of any size, some negative."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    maps = []
    for _ in range(2):
        dtype = np.dtype(draw(DTYPES))
        limits = np.iinfo(dtype)
        number = st.one_of(
            st.integers(0, 3),
            st.integers(int(limits.min), int(limits.max)),
            st.just(int(limits.max)),
        )
        ids = np.array(draw(st.lists(number, min_size=1, max_size=5)), dtype)
        index = draw(arrays.arrays(np.int64, shape, elements=st.integers(0, 99)))
        maps.append(ids[index % len(ids)])
    return maps


@hypothesis.settings(SETTINGS, max_examples=100)
@hypothesis.given(label_maps())
def test_label_maps_score_as_by_scikit_learn(maps):
    true, predicted = maps
    keep = (true >= 0) & (predicted >= 0)
    found = adjusted_rand_index(true[None], predicted[None]).numpy().item()
    covering = segmentation_covering(true[None], predicted[None]).numpy().item()
    if not keep.any():
        assert np.isnan(found) and np.isnan(covering)
        return
    expected = adjusted_rand_score(true[keep].tolist(), predicted[keep].tolist())
    assert found == pytest.approx(expected, abs=1e-12)
    overlaps = [
        max(
            (keep & (true == t) & (predicted == p)).sum()
            / (keep & ((true == t) | (predicted == p))).sum()
            for p in np.unique(predicted[keep])
        )
        for t in np.unique(true[keep])
    ]
    assert covering == pytest.approx(np.mean(overlaps), abs=1e-12)


@st.composite
def pictures(draw):
    """A PNG or JPEG file of one of the modes that Pillow writes, with its pixels."""
    mode, channels = draw(
        st.sampled_from([("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("CMYK", 4)])
    )
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(channels)))
    pixels = np.random.default_rng(draw(st.integers(0, 99))).integers(
        0, 256, shape, dtype=np.uint8
    )
    image = Image.frombytes(mode, shape[1::-1], pixels.tobytes())
    forms = {"CMYK": ["JPEG"], "LA": ["PNG"], "RGBA": ["PNG"]}.get(
        mode, ["PNG", "JPEG"]
    )
    options = {"progressive": draw(st.booleans())}
    if draw(st.booleans()):
        exif = Image.Exif()
        exif[0x0112] = draw(st.integers(0, 9))
        options["exif"] = exif
    file = io.BytesIO()
    image.save(file, draw(st.sampled_from(forms)), **options)
    return file.getvalue()


@hypothesis.settings(SETTINGS, max_examples=100)
@hypothesis.given(pictures(), st.data())
def test_damaged_pictures_are_read_or_refused_and_nothing_else(content, data):
    image = decode(content)
    assert image.dtype == tf.uint8 and 1 <= image.shape[0] * image.shape[1] <= 81
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4), label="changes")):
        place = data.draw(st.integers(0, len(damaged) - 1), label="place")
        damaged[place] = data.draw(st.integers(0, 255), label="byte")
    stop = data.draw(st.integers(0, len(damaged)), label="length")
    for changed in (damaged, damaged[:stop], damaged[:stop] + content):
        try:
            image = decode(bytes(changed))
        except tf.errors.InvalidArgumentError:
            continue
        assert (
            image.shape[2] == 3 and 1 <= image.shape[0] * image.shape[1] <= MAX_PIXELS
        )


@hypothesis.settings(SETTINGS, max_examples=100)
@hypothesis.given(st.binary(max_size=200), st.sampled_from(["png", "jpeg", "none"]))
def test_random_bytes_are_no_picture(content, start):
    starts = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff\xe1", "none": b""}
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(starts[start] + content)
