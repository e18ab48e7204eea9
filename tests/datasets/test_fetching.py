"""Finding and downloading source files, and error messages."""

import contextlib
import functools
import http.server
import os
import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from genesis_keras.data import load
from genesis_keras.data.preparation import import_builder, prepare
from genesis_keras.data.registry import get_spec


@pytest.fixture
def server(tmp_path, builders, monkeypatch):
    """A folder that is served in place of the data sets' hosts, and its log."""
    folder, log = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, form, *words):
            if "code" not in form:
                log.append(self.command)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{web.server_port}"
        for name in (
            "multi_object_builder",
            "objects_room.objects_room_dataset_builder",
        ):
            monkeypatch.setattr(builders(name), "HOST", address)
        yield folder, log
        web.shutdown()


@pytest.fixture
def small_splits(builders):
    """Lets the configurations take as few test scenes as the dummy files have."""
    with contextlib.ExitStack() as stack:
        for name in ("objects_room", "tetrominoes"):
            config = import_builder(name).Builder.BUILDER_CONFIGS[0]
            stack.enter_context(builders("dummy_data").fewer_test_scenes(config))
        yield


def test_download_and_notice(server, small_splits, dummy, tmp_path, capfd):
    folder, log = server
    shutil.copytree(dummy("tetrominoes")[1], folder / "tetrominoes")
    builder = prepare(get_spec("tetrominoes"), tmp_path / "data")
    (ours,) = builder.as_dataset(split="train", batch_size=3).as_numpy_iterator()
    reference = tfds.load("tetrominoes", data_dir=str(dummy("tetrominoes")[2]))
    (theirs,) = reference["train"].batch(3).as_numpy_iterator()
    np.testing.assert_array_equal(ours["image"], theirs["image"])
    notices = capfd.readouterr().err
    assert "MB to download into" in notices and "are free there" in notices
    assert log == ["HEAD", "GET"]


def test_finished_downloads_are_not_repeated(server, small_splits, dummy, tmp_path):
    folder, log = server
    shutil.copytree(dummy("objects_room")[1], folder / "objects_room")
    empty = folder / "objects_room" / "objects_room_test_empty_room.tfrecords"
    content = empty.read_bytes()
    empty.write_bytes(content[:100])
    with pytest.raises(ValueError, match="downloads/.* is damaged.*Delete it"):
        load("objects_room", "test", batch_size=1, data_dir=tmp_path / "data")
    log.clear()
    # What was downloaded stays; only the damaged file is fetched again, by hand.
    manual = tmp_path / "data" / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / empty.name).write_bytes(content)
    prepare(get_spec("objects_room"), tmp_path / "data")
    assert "GET" not in log


def test_manual_files_are_used_instead(server, small_splits, dummy, tmp_path):
    _, log = server
    spec = get_spec("tetrominoes")
    for index, manual in enumerate(
        (dummy("tetrominoes")[1], dummy("tetrominoes")[1].parent)
    ):
        prepare(spec, tmp_path / str(index), manual)
    assert not log


def test_no_network(server, tmp_path):
    with pytest.raises(OSError) as caught:
        load("tetrominoes", "train", batch_size=1, data_dir=tmp_path)
    message = str(caught.value)
    assert "tetrominoes/tetrominoes_train.tfrecords cannot be downloaded" in message
    assert "404" in message and "--manual_dir=DIR" in message
    assert not list(tmp_path.glob("tetrominoes/*/1.0.0"))


def test_apc_says_what_to_fetch(tmp_path):
    with pytest.raises(OSError, match="130 GB.*training.zip.*--manual_dir=DIR"):
        load("apc", "train", batch_size=1, data_dir=tmp_path)


def test_full_disk_while_writing(dummy, tmp_path, monkeypatch):
    source = dummy("shapestacks")[1]

    def fail(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", fail)
    with pytest.raises(OSError, match=f"data_dir='{tmp_path}'.*No space left"):
        prepare(get_spec("shapestacks"), tmp_path, source)
    assert not list(tmp_path.rglob("*.tfrecord*"))


def test_no_room_for_a_download(server, dummy, tmp_path, monkeypatch):
    folder, log = server
    shutil.copytree(dummy("tetrominoes")[1], folder / "tetrominoes")
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(
        OSError, match="needs about .* are free.*nothing was downloaded"
    ):
        load("tetrominoes", "train", batch_size=1, data_dir=tmp_path / "data")
    assert "GET" not in log


def test_manual_dir_must_be_a_folder(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(ValueError, match=f"manual_dir='{missing}' is not a folder"):
        load("apc", "train", batch_size=1, data_dir=tmp_path, manual_dir=missing)


def test_authors_split_needs_the_whole_file(dummy, tmp_path):
    with pytest.raises(ValueError, match="tetrominoes_train.*too few scenes"):
        prepare(get_spec("tetrominoes"), tmp_path, dummy("tetrominoes")[1])
    assert not list(tmp_path.rglob("*.tfrecord*"))


def test_wrong_variant(dummy, tmp_path, small_splits):
    source = dummy("multi_dsprites")[1]
    target = tmp_path / "multi_dsprites_colored_on_colored.tfrecords"
    shutil.copy(source / "multi_dsprites_binarized.tfrecords", target)
    with pytest.raises(ValueError, match=f"{target.name}.*scene 0.*another variant"):
        prepare(get_spec("multi_dsprites"), tmp_path / "data", tmp_path)


def _without(source, target, unwanted):
    """A copy of ShapeStacks, unpacked, without the files that end in `unwanted`."""
    target.mkdir()
    for archive in source.glob("*.tar.gz"):
        shutil.unpack_archive(archive, target, filter="data")
    removed = [path for path in target.rglob("*") if str(path).endswith(unwanted)]
    assert removed
    for path in removed:
        os.remove(path)
    return target


@pytest.mark.parametrize(
    ("unwanted", "message"),
    [
        ("cam_2-mono-0.map", "no label for the frame recordings/.*cam_2-mono-0.map"),
        ("env_default-easy-test-1/rgb-w=0-f=2-l=1-c=original-cam_1-mono-0.png", None),
        ("default/eval.txt", "has no splits/default/eval.txt"),
    ],
)
def test_shapestacks_unpacked_and_incomplete(dummy, tmp_path, unwanted, message):
    source = _without(dummy("shapestacks")[1], tmp_path / "unpacked", unwanted)
    if message is None:  # a missing camera is no error; the others are read
        builder = prepare(get_spec("shapestacks"), tmp_path / "data", source)
        assert builder.info.splits["test"].num_examples == 3
        return
    with pytest.raises(ValueError, match=message):
        prepare(get_spec("shapestacks"), tmp_path / "data", source)


def test_shapestacks_maps_must_be_maps(dummy, tmp_path, builders):
    module = builders("shapestacks.shapestacks_dataset_builder")
    encode = builders("dummy_data.drawing").encode
    for value, message in ((31, "not 32 times 0 to 6"), (224, "not 32 times 0 to 6")):
        grey = np.full((224, 224, 4), 255, np.uint8)
        grey[..., :3] = value
        with pytest.raises(ValueError, match=message):
            module.decode_map(encode(grey, "PNG"), "the map")
    colours = np.zeros((224, 224, 4), np.uint8)
    colours[..., 1] = 32
    with pytest.raises(ValueError, match="not grey"):
        module.decode_map(encode(colours, "PNG"), "the map")
    with pytest.raises(ValueError, match="the map is 10x224 pixels"):
        module.decode_map(encode(colours[:10], "PNG"), "the map")
    with pytest.raises(ValueError, match="the map is damaged"):
        module.decode_map(encode(colours, "PNG")[:200], "the map")


def test_apc_without_a_mask(dummy, tmp_path):
    shutil.unpack_archive(dummy("apc")[1] / "training.zip", tmp_path)
    place = tmp_path / "training" / "office" / "dove_beauty_bar" / "scene-0001"
    (place / "masks" / "frame-000001.mask.png").unlink()
    with pytest.raises(
        ValueError, match="no label for the frame training/.*frame-000001"
    ):
        prepare(get_spec("apc"), tmp_path / "data", tmp_path)


def test_tfds_load(dummy):
    _, _, data_dir = dummy("apc")
    import_builder("apc")
    dataset = tfds.load("apc", split="test", data_dir=str(data_dir))
    assert dataset.element_spec["image"].shape == (480, 640, 3)


def test_images_that_only_a_decoder_finds_damaged(builders, fixtures):
    images = builders("images")
    folder = fixtures / "pictures"
    with pytest.raises(ValueError, match="the map is damaged: Invalid PNG data"):
        images.decode_png((folder / "short_data.png").read_bytes(), (64, 64), "the map")
    with pytest.raises(ValueError, match="the frame is damaged: .*Invalid JPEG data"):
        lossless = (folder / "lossless.jpg").read_bytes()
        images.checked_image(lossless, (256, 256), "the frame")
    content = (folder / "exif6.jpg").read_bytes() + bytes(999)  # not its end, but whole
    assert images.checked_image(content, (64, 64), "the frame").read() == content


def test_sketchy_passes_hidden_files_over(builders, tmp_path):
    split_episodes = builders("sketchy.sketchy_dataset_builder").split_episodes
    names = [f"{index:02d}" for index in range(10)]
    for name in (*names, ".DS_Store", "._00", "._03", "notes.txt"):
        (tmp_path / name).write_text("")
    splits = split_episodes(tmp_path.iterdir())
    assert [path.name for path in splits["validation"]] == ["00"]
    assert [path.name for path in splits["test"]] == ["01"]
    assert [path.name for path in splits["train"]] == names[2:]
