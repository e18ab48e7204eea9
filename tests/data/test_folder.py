"""A folder of pictures as a data set."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from genesis_keras.data import load
from genesis_keras.data.folder_source import FolderSource, split_pictures


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def picture(index, height=40, width=50):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = index
    pixels[10:20, 15:30, 1] = 200
    return pixels


def label(height=40, width=50):
    labels = np.zeros((height, width), np.uint8)
    labels[10:20, 15:30] = 3
    return labels


@pytest.fixture
def folder(tmp_path):
    for index in range(12):
        save(tmp_path / f"p{index:02d}.png", picture(index))
        save(tmp_path / f"p{index:02d}.label.png", label())
    return tmp_path


def read(folder, split="train", **arguments):
    arguments = {"batch_size": 50, "image_size": 40} | arguments
    (batch,) = load("folder", split, data_dir=folder, **arguments).as_numpy_iterator()
    return batch


@pytest.mark.parametrize("cache", [True, False])
def test_pictures_and_labels(folder, cache):
    batch = read(folder, cache=cache)
    assert batch["image"].shape == (10, 40, 40, 3)
    expected = picture(0)[:, 5:45]  # the largest centred square
    images = np.round(batch["image"] * 255).astype(np.uint8)
    np.testing.assert_array_equal(images[..., 1:], np.stack([expected[..., 1:]] * 10))
    np.testing.assert_array_equal(
        batch["segmentation"], np.stack([label()[:, 5:45, None]] * 10)
    )
    assert batch["segmentation"].dtype == np.int32


def test_splits_are_disjoint_and_do_not_change(folder):
    indices = {
        split: set(np.round(read(folder, split)["image"][:, 0, 0, 0] * 255).astype(int))
        for split in ("train", "validation", "test")
    }
    assert set.union(*indices.values()) == set(range(12))
    assert sum(map(len, indices.values())) == 12
    splits, _ = split_pictures(folder)
    names = {split: [path.name for path in paths] for split, paths in splits.items()}
    assert names["validation"] == ["p03.png"] and names["test"] == ["p08.png"]


def test_folders_of_splits_and_jpeg(tmp_path):
    for count, split in enumerate(("train", "validation", "test"), 1):
        for index in range(count):
            save(tmp_path / split / "deep" / f"{index}.JPG", picture(9), quality=95)
    for count, split in enumerate(("train", "validation", "test"), 1):
        batch = read(tmp_path, split)
        assert len(batch["image"]) == count and "segmentation" not in batch
    assert len(read(tmp_path, "test[:2]+train")["image"]) == 3
    (tmp_path / "validation").rename(tmp_path / "dev")
    with pytest.raises(ValueError, match="none named 'validation'"):
        read(tmp_path)


def test_palettes_are_numbers_not_colours(folder):
    for path in folder.glob("*.label.png"):
        image = Image.fromarray(label())
        image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 7, 7, 7])
        image.save(path)
    assert set(np.unique(read(folder)["segmentation"])) == {0, 3}


def test_a_missing_label_is_named(folder):
    (folder / "p04.label.png").unlink()
    with pytest.raises(ValueError, match=r"1 of 10 .*p04.label.png' is missing"):
        read(folder)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (picture(3), "mode 'RGB'"),
        (label(40, 41), "not of the size of its picture"),
        (label().astype(np.uint16), "mode 'I;16'"),
    ],
)
def test_labels_that_are_none(folder, pixels, message):
    save(folder / "p04.label.png", pixels)
    with pytest.raises(ValueError, match=f"p04.label.png' .*{message}"):
        read(folder)


@pytest.mark.parametrize("name", ["p04.png", "p04.label.png", "extra.jpg"])
def test_half_a_picture_is_named(folder, name):
    if name == "extra.jpg":
        for path in folder.glob("*.label.png"):
            path.unlink()
        save(folder / name, picture(1))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ValueError, match=f"{name}' is no picture"):
        for split in ("train", "validation", "test"):
            read(folder, split)


def test_not_a_picture_at_all(folder):
    (folder / "p04.png").write_text("<html>not found</html>")
    with pytest.raises(ValueError, match="p04.png' is no picture"):
        read(folder)


def test_too_few_pictures_and_no_folder(tmp_path):
    save(tmp_path / "one.png", picture(1))
    with pytest.raises(ValueError, match="has 1 PNG or JPEG pictures; at least three"):
        read(tmp_path)
    with pytest.raises(
        ValueError, match=f"data_dir='{tmp_path / 'x'}' is not a folder"
    ):
        read(tmp_path / "x")
    with pytest.raises(ValueError, match="'folder' needs data_dir"):
        read(None)
    with pytest.raises(ValueError, match="split='train.:banana.' cannot be read"):
        save(tmp_path / "two.png", picture(1))
        save(tmp_path / "three.png", picture(1))
        read(tmp_path, "train[:banana]")


def check_all(folder):
    for split in ("train", "validation", "test"):
        FolderSource(folder, split)


def copy_of(fixtures, folder, names):
    """Three pictures, as many as a folder must have, of the fixtures."""
    for index in range(3):
        for name in names:
            ending = name.partition(".")[2]
            shutil.copy(fixtures / "pictures" / name, folder / f"p{index}.{ending}")
    return folder


def test_labels_lie_on_a_picture_that_was_taken_on_its_side(tmp_path, fixtures):
    folder = copy_of(fixtures, tmp_path, ["exif6.jpg", "exif6.label.png"])
    batch = read(folder, image_size=64)
    labels, image = batch["segmentation"][0, ..., 0], batch["image"][0]
    # The object is brighter than everything else in the picture.
    distance = np.abs(image - np.median(image[labels > 0], axis=0)).sum(axis=-1)
    bright = distance < 0.5
    overlap = (bright & (labels > 0)).sum() / (bright | (labels > 0)).sum()
    assert overlap > 0.9


def test_labels_of_another_orientation_do_not_fit(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(folder / "p04.png", picture(4), exif=exif)
    with pytest.raises(ValueError, match="p04.label.png' is not of the size.* 50 x"):
        FolderSource(folder, "train")
    save(folder / "p04.label.png", label(50, 40))
    assert FolderSource(folder, "train").size == 10
    save(folder / "p04.label.png", label(40, 50), exif=exif)  # turned as well
    assert FolderSource(folder, "train").size == 10


def test_the_file_that_cannot_be_decoded_is_named(tmp_path, fixtures):
    names = {"lossless.jpg": "not supported", "short_data.png": "ends early"}
    for name, message in names.items():
        folder = tmp_path / name
        folder.mkdir()
        copy_of(fixtures, folder, ["mpo.jpg"])
        shutil.copy(fixtures / "pictures" / name, folder / "p0.png")
        shutil.copy(fixtures / "pictures" / name, folder / "p1.png")
        with pytest.raises(ValueError, match=rf"p\d.png' is no picture: .*{message}"):
            check_all(folder)


def test_a_jpeg_of_labels_is_refused(folder):
    Image.fromarray(label()).save(folder / "p04.label.png", "JPEG")
    with pytest.raises(ValueError, match="p04.label.png' is a JPEG file: labels must"):
        FolderSource(folder, "train")
    (folder / "p04.label.png").rename(folder / "p04.label.JPG")
    with pytest.raises(ValueError, match="p04.label.JPG': labels must be PNG files"):
        FolderSource(folder, "train")


def test_endings_count_in_any_case(folder):
    for path in folder.iterdir():
        stem, _, ending = path.name.partition(".")
        path.rename(folder / f"{stem.upper()}.{ending.upper()}")
    batch = read(folder)
    assert len(batch["image"]) == 10
    np.testing.assert_array_equal(
        batch["segmentation"], np.stack([label()[:, 5:45, None]] * 10)
    )
    save(folder / "P04.label.png", label())
    with pytest.raises(ValueError, match=r"P04.*' and '.*P04.* same picture"):
        FolderSource(folder, "train")


def test_pictures_that_share_a_label_are_named(folder):
    save(folder / "p04.jpg", picture(4))
    with pytest.raises(ValueError, match=r"p04.jpg' and .*p04.png' share .*p04.label"):
        check_all(folder)


def test_what_is_left_out_is_counted_aloud(folder, tmp_path_factory, capsys):
    for name in (".ipynb_checkpoints", "@eaDir", ".Trash-1000", "__MACOSX/deep"):
        save(folder / name / "p00.png", picture(0))
    for name in (".DS_Store", "._p00.png", "notes.txt", "film.gif"):
        (folder / name).write_text("none")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    save(folder / "p99.label.png", label())
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save(elsewhere / "linked.png", picture(77))
    save(elsewhere / "linked.label.png", label())
    (folder / "link").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    capsys.readouterr()
    splits, files = split_pictures(folder)
    assert sum(map(len, splits.values())) == 13  # with the linked one
    assert files.label_of(folder / "link" / "linked.png").exists()
    assert FolderSource(folder, "train").size == 11
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"'{folder}': left out 1 broken links (gone.png), 1 folders that links lead to "
        "twice (back), 2 hidden files (.DS_Store, ._p00.png), 4 hidden or system "
        "folders (.Trash-1000, .ipynb_checkpoints, @eaDir, ...), 1 labels without a "
        "picture (p99.label.png), 2 other files (.gif, .txt)."
    ]


def test_pictures_beside_the_splits_are_counted(tmp_path, capsys):
    for split in ("train", "test"):
        save(tmp_path / split / "a.png", picture(1))
    (tmp_path / "validation").symlink_to(tmp_path / "test")
    save(tmp_path / "more" / "b.png", picture(2))
    assert FolderSource(tmp_path, "validation").size == 1
    assert "1 pictures beside the folders of the splits (b.png)" in (
        capsys.readouterr().err
    )


def test_a_data_dir_below_a_hidden_folder_is_read(folder, tmp_path_factory):
    hidden = tmp_path_factory.mktemp("home") / ".cache" / "pictures"
    shutil.copytree(folder, hidden)
    assert FolderSource(hidden, "train").size == 10


def test_names_in_latin_1_and_a_tilde(folder, monkeypatch):
    # An accent in Latin-1 is no UTF-8.
    stem = os.fsencode(folder) + b"/caf\xe9"
    os.rename(folder / "p04.png", stem + b".png")
    os.rename(folder / "p04.label.png", stem + b".label.png")
    monkeypatch.setenv("HOME", str(folder.parent))
    assert FolderSource(f"~/{folder.name}", "train").size == 10
    with open(stem + b".png", "wb") as file:
        file.write(b"none")
    with pytest.raises(ValueError, match=r"caf\\udce9.png' is no picture") as error:
        check_all(folder)
    str(error.value).encode()  # can be printed


def test_a_folder_that_cannot_be_read_is_named(folder, monkeypatch):
    (folder / "locked").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="locked"):
        FolderSource(folder, "train")
