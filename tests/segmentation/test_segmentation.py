"""Segmentation of pictures, in Python and on the command line."""

import json
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import genesis_keras
from genesis_keras.commands.segment import main
from genesis_keras.data.pictures import decode_picture
from genesis_keras.presets.reading import read_metadata
from genesis_keras.segmentation.files import folder_names, write_segmentation
from genesis_keras.segmentation.pictures import find_pictures, read_picture
from genesis_keras.segmentation.run_length import decode_mask, encode_mask
from genesis_keras.segmentation.segmenting import background_slots, segment


class TwoSquares:
    """Stands for a model of 8x8: slot 0 background, slots 1 and 2 a square each."""

    image_size, num_slots, has_flexible_slots = 8, 4, True

    def __init__(self):
        self.calls = []
        masks = np.full([4, 8, 8], 0.05, np.float32)
        masks[0] = 0.85
        for slot, part in ((1, np.s_[1:3, 1:4]), (2, np.s_[4:7, 4:7])):
            masks[:, *part] = 0.1
            masks[slot, *part] = 0.7
        self.log_masks = np.log(masks)[None, ..., None]

    def fixed_draws(self, num_images, num_slots, seed):
        return {}

    def __call__(self, images, **options):
        assert images.shape == (1, 8, 8, 3) and images.dtype == tf.float32
        self.calls.append((images.numpy(), options))
        log_masks = tf.constant(self.log_masks)
        return {"log_masks": log_masks, "log_object_masks": log_masks[:, ::-1]}


def test_objects_of_a_picture_of_the_models_size():
    found = segment(TwoSquares(), np.zeros([8, 8, 3], np.uint8))
    large, small = found.objects
    assert (large.label, large.slot, large.area) == (1, 2, 9)
    assert large.box == (4, 4, 3, 3) and large.centroid == (5.5, 5.5)
    assert large.mean_probability == pytest.approx(0.7)
    assert (small.label, small.slot, small.area) == (2, 1, 6)
    assert small.box == (1, 1, 3, 2) and small.centroid == (2.5, 2.0)
    expected = np.zeros([8, 8])
    expected[4:7, 4:7], expected[1:3, 1:4] = 1, 2
    np.testing.assert_array_equal(found.labels, expected)


def test_masks_have_the_pictures_size_and_follow_it():
    model = TwoSquares()
    found = segment(model, np.zeros([80, 160, 3], np.uint8))
    assert found.labels.shape == (80, 160)
    left, top, width, height = found.objects[0].box
    assert abs(left - 80) < 8 and abs(top - 40) < 4  # [4:7] of 8, and of half as many
    assert abs(width - 60) < 12 and abs(height - 30) < 6
    # A picture larger than the masks are computed at.
    found = segment(model, np.zeros([8, 1200, 3], np.uint8))
    assert found.labels.shape == (8, 1200) and found.objects[0].mask.any()


def test_options_of_the_call():
    model, picture = TwoSquares(), np.full([8, 8, 3], 51, np.uint8)
    segment(model, picture)
    assert model.calls[-1][1] == {
        "num_slots": 4,
        "flexible_slots": True,
        "min_mask_pixels": 20.0,
    }
    np.testing.assert_allclose(model.calls[-1][0], 0.2)
    segment(model, picture, flexible_slots=False, num_slots=3)
    assert model.calls[-1][1] == {"num_slots": 3}
    # Object masks: here those of the slots in reverse.
    assert segment(model, picture, masks="object").objects[0].slot == 1
    model.has_flexible_slots = False
    segment(model, picture)
    assert model.calls[-1][1] == {"num_slots": 4}
    with pytest.raises(ValueError, match="flexible_slots must be False"):
        segment(model, picture, flexible_slots=True)
    with pytest.raises(ValueError, match="masks must be one of .* got 'soft'"):
        segment(model, picture, masks="soft")
    with pytest.raises(ValueError, match="num_slots must be at least 1; got 0"):
        segment(model, picture, num_slots=0)


def test_background_is_what_has_the_border():
    slots = np.zeros([4, 4], int)  # 12 pixels on the border
    slots[3] = 1  # 4 of them
    slots[1, 1] = 2
    assert background_slots(slots, 4, 0.4).tolist() == [True, False, False, False]
    assert background_slots(slots, 4, 0.3).tolist() == [True, True, False, False]


def test_run_lengths_are_cocos():
    mask = np.array([[0, 1, 1], [0, 0, 1]], bool)  # columns: 00 10 11
    encoded = encode_mask(mask)
    assert encoded == {"size": [2, 3], "counts": [2, 1, 1, 2]}
    assert encode_mask(np.ones([2, 2], bool))["counts"] == [0, 4]
    assert encode_mask(np.zeros([2, 2], bool))["counts"] == [4]
    random = np.random.default_rng(0).uniform(size=[13, 7]) < 0.4
    np.testing.assert_array_equal(decode_mask(encode_mask(random)), random)
    coco = pytest.importorskip(
        "pycocotools.mask"
    )  # compared with pycocotools, if it is installed
    packed = coco.frPyObjects(encode_mask(random), 13, 7)
    np.testing.assert_array_equal(coco.decode(packed), random)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_pictures_are_read(tmp_path, ending):
    path = tmp_path / f"picture.{ending}"
    Image.new("RGB", (6, 4), (200, 100, 50)).save(path)
    image = read_picture(path)
    assert image.shape == (4, 6, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - (200, 100, 50)).max() < 8


def test_pictures_of_other_kinds(tmp_path):
    clear = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    assert (read_picture(clear) == 255).all()
    deep = Image.fromarray(np.full([2, 2], 257 * 100, np.uint16))
    assert (read_picture(deep) == 100).all()
    turned = Image.new("RGB", (6, 4))
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").shape == (6, 4, 3)
    assert (read_picture(np.full([2, 2, 3], 0.2)) == 51).all()
    assert read_picture(np.zeros([2, 2], np.uint8)).shape == (2, 2, 3)


def test_png_jpeg_and_webp_follow_the_same_rules(tmp_path):
    """Those of the decoder that training uses: orientation and alpha as in a viewer."""
    pixels = np.random.default_rng(0).integers(0, 256, [4, 6, 4], np.uint8)
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0112] = 6
    for ending in ("png", "webp"):
        picture.save(tmp_path / f"a.{ending}", exif=exif, lossless=True, exact=True)
    decoded = decode_picture((tmp_path / "a.png").read_bytes(), "it", 99)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), decoded)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.webp"), decoded)
    np.testing.assert_array_equal(read_picture(picture), decoded)
    colours, alpha = pixels[..., :3] / 255.0, pixels[..., 3:] / 255.0
    expected = np.rot90(255.0 * (colours * alpha + 1.0 - alpha), -1)
    assert np.abs(np.asarray(decoded, float) - expected).max() < 1.0
    # A JPEG that Pillow opens and TensorFlow does not, and an MPO of a phone.
    cases = pathlib.Path(__file__).parents[1] / "fixtures" / "pictures"
    for path in sorted(cases.glob("*.jpg")) + sorted(cases.glob("*.png")):
        try:
            expected = decode_picture(path.read_bytes(), "it", 10**6).numpy()
        except tf.errors.InvalidArgumentError:
            with pytest.raises(ValueError, match=path.name):
                read_picture(path)
        else:
            np.testing.assert_array_equal(read_picture(path), expected)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.full([2, 2, 3], 2.0), "floats in .0, 1.; got 2 to 2"),
        (np.zeros([2, 2, 4], np.uint8), r"shape \[H, W, 3\]; got \(2, 2, 4\)"),
        (np.zeros([2, 2, 3], np.int32), "uint8 or floats in .*; got int32"),
        (np.zeros([0, 2, 3], np.uint8), "got 2 x 0"),
        ("none.png", "'none.png' is no picture"),
    ],
)
def test_what_is_no_picture(picture, message):
    with pytest.raises(ValueError, match=message):
        read_picture(picture)


def test_files_of_a_result(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, [80, 80, 3], np.uint8)
    found = segment(TwoSquares(), image)
    (tmp_path / "object_9.png").touch()  # of an earlier result
    write_segmentation(tmp_path, found, {"picture": "a.png"})
    with Image.open(tmp_path / "labels.png") as labels:
        assert labels.mode == "P"
        np.testing.assert_array_equal(np.array(labels), found.labels)
        assert labels.convert("RGB").getpixel((0, 0)) == (0, 0, 0)
    content = json.loads((tmp_path / "objects.json").read_text())
    assert (content["picture"], content["width"], content["height"]) == (
        "a.png",
        80,
        80,
    )
    for item, measured in zip(content["objects"], found.objects, strict=True):
        np.testing.assert_array_equal(decode_mask(item["segmentation"]), measured.mask)
        left, top, width, height = item["box"]
        with Image.open(tmp_path / f"object_{item['label']}.png") as cut:
            assert cut.mode == "RGBA" and cut.size == (width, height)
            pixels = np.array(cut)
        inside = measured.mask[top : top + height, left : left + width]
        np.testing.assert_array_equal(pixels[..., 3] > 0, inside)
        original = image[top : top + height, left : left + width]
        np.testing.assert_array_equal(pixels[inside, :3], original[inside])
    assert not (tmp_path / "object_9.png").exists()
    with Image.open(tmp_path / "overlay.png") as overlay:
        changed = (np.array(overlay) != image).any(axis=-1)
    assert (
        not changed[found.labels == 0].any() and changed[found.labels > 0].mean() > 0.9
    )


def test_names_of_folders_differ():
    paths = ["x/a.png", "y/a.png", "y/a.jpg", "z/a.png", "b.png"]
    assert folder_names(paths) == ["a", "a.png", "a.jpg", "a.png-2", "b"]


def test_pictures_of_folders(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "@eaDir").mkdir()
    names = "b.PNG deep/a.webp b.LABEL.png .hidden.png notes.txt @eaDir/b.png"
    for name in names.split():
        (tmp_path / name).touch()
    assert find_pictures([tmp_path, tmp_path / "b.PNG"]) == [
        tmp_path / "b.PNG",
        tmp_path / "deep" / "a.webp",
    ]
    with pytest.raises(ValueError, match="no picture or folder"):
        find_pictures([tmp_path / "none.png"])


def test_the_command(tmp_path, make_model, capsys, monkeypatch):
    preset = tmp_path / "small"
    make_model().save_to_preset(preset, {"dataset": "sprites/easy"})
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(3):
        Image.new("RGB", (40, 30), (0, 80 * index, 0)).save(pictures / f"{index}.png")
    (pictures / "broken.jpg").write_bytes(b"no picture")
    out = tmp_path / "out"
    status = main([str(pictures), f"--preset={preset}", f"--out={out}"])
    printed = capsys.readouterr()
    assert status == 1
    assert "trained on sprites/easy (32x32)" in printed.out
    assert "3 of 4 pictures in" in printed.out
    assert "broken.jpg' is no picture that can be read" in printed.out
    assert "100%" in printed.err  # the progress bar
    for index in range(3):
        content = json.loads((out / str(index) / "objects.json").read_text())
        assert (content["width"], content["height"]) == (40, 30)
        assert content["preset"] == str(preset)
        assert content["settings"]["min_mask_pixels"] == 20.0

    picture = str(pictures / "0.png")
    assert main([picture, f"--preset={preset}", f"--out={out}", "--seed=1"]) == 0
    assert "objects in" in capsys.readouterr().out
    assert main([str(pictures / "broken.jpg"), f"--preset={preset}"]) == 1
    assert "error: " in capsys.readouterr().err
    assert main([picture, "--preset=nothing"]) == 1
    assert "'nothing' is neither a bundled preset" in capsys.readouterr().err
    assert read_metadata(preset)["image_size"] == 32


@pytest.mark.parametrize(
    ("flags", "threshold"), [([], 40.0), (["--min_mask_pixels=0"], 0.0)]
)
def test_the_threshold_is_by_default_that_of_the_training_data(
    tmp_path, make_model, flags, threshold
):
    preset, out = tmp_path / "small", tmp_path / "out"
    make_model().save_to_preset(preset, {"dataset": "shapestacks/rendered"})
    Image.new("RGB", (40, 30), (0, 80, 0)).save(tmp_path / "a.png")
    words = [str(tmp_path / "a.png"), f"--preset={preset}", f"--out={out}", *flags]
    assert main(words) == 0
    content = json.loads((out / "a" / "objects.json").read_text())
    assert content["settings"]["min_mask_pixels"] == threshold


def test_the_name_is_always_the_function():
    script = (
        "import genesis_keras.segment\n"
        "from genesis_keras.segmentation.segmenting import segment\n"
        "assert genesis_keras.segment is segment\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert isinstance(genesis_keras.segment, types.FunctionType)
    help_text = subprocess.run(
        [sys.executable, "-m", "genesis_keras.segment", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--background_share=0.4" in help_text.stdout and not help_text.stderr
