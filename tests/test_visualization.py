"""Pictures: their sizes, and known colours of pixels."""

import re

import numpy as np
import pytest
from PIL import Image

from genesis_keras.visualization import (
    BACKGROUND,
    IGNORED,
    PALETTE,
    Chart,
    Line,
    colour_labels,
    figures,
    image_grid,
    labelled_rows,
    line_charts,
    panels,
    save_figures,
    save_pdf,
    save_png,
    segmentation_panel,
)

SIZE, SCALE, SLOTS = 8, 4, 3
CELL = SIZE * SCALE + 2  # and its separator


def outputs_for(labels, colours):
    """Outputs of a perfect model: a hard mask and one flat colour for each slot."""
    masks = np.moveaxis(np.eye(SLOTS)[labels], -1, 1)[..., None]
    with np.errstate(divide="ignore"):
        log_masks = np.log(masks)
    components = np.broadcast_to(
        np.asarray(colours)[None, :, None, None], (*masks.shape[:-1], 3)
    )
    return {
        "reconstruction": (masks * components).sum(axis=1),
        "components": components,
        "log_masks": log_masks,
        "log_object_masks": log_masks[:, ::-1],  # differ from the attention masks
    }


@pytest.fixture
def scene():
    labels = np.zeros((2, SIZE, SIZE), int)
    labels[0, :, 4:], labels[1, 4:] = 1, 2
    colours = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.2, 1.0)]
    outputs = outputs_for(labels, colours)
    return outputs["reconstruction"], outputs, labels


def cell(panel, row, column, rows=2):
    """The pixels of one cell of a picture that ends with so many rows of them."""
    top, left = panel.shape[0] - (rows - row) * CELL, 2 + column * CELL
    return panel[top : top + CELL - 2, left : left + CELL - 2]


def test_palette_has_distinct_colours():
    colours = np.concatenate([PALETTE, [BACKGROUND, IGNORED]]).astype(int)
    assert len(PALETTE) >= 16
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert distance[~np.eye(len(colours), dtype=bool)].min() > 40


def test_colour_labels_are_stable():
    labels = np.array([[0, 1], [-1, len(PALETTE) + 2]])
    colours = colour_labels(labels)
    assert colours.shape == (2, 2, 3) and colours.dtype == np.uint8
    expected = [[BACKGROUND, PALETTE[1]], [IGNORED, PALETTE[2]]]
    np.testing.assert_array_equal(colours, expected)
    slots = colour_labels(labels.astype(np.int8), zero_is_background=False)
    np.testing.assert_array_equal(slots[0], PALETTE[:2])
    with pytest.raises(ValueError, match="labels must be integers.*float64"):
        colour_labels(labels / 2)


@pytest.mark.parametrize("with_truth", [False, True])
def test_panel_has_a_row_an_image_and_a_column_a_picture(scene, with_truth):
    images, outputs, labels = scene
    truth = labels[..., None] if with_truth else None
    panel = segmentation_panel(images, outputs, truth, scale=SCALE)
    columns = 4 + with_truth + SLOTS
    assert panel.dtype == np.uint8
    assert panel.shape[1:] == (2 + columns * CELL, 3)
    one = segmentation_panel(images, outputs, truth, max_images=1, scale=SCALE)
    assert panel.shape[0] - one.shape[0] == CELL
    # The scale by default makes a cell 96 pixels wide.
    wide = segmentation_panel(images, outputs, truth)
    assert wide.shape[1] == 2 + columns * 98


def test_panel_shows_known_colours(scene):
    images, outputs, labels = scene
    panel = segmentation_panel(images, outputs, labels, scale=SCALE)
    left, right = (slice(None), slice(0, 16)), (slice(None), slice(16, 32))
    assert (cell(panel, 0, 0)[right] == (255, 0, 0)).all()  # input
    assert (cell(panel, 0, 1)[left] == BACKGROUND).all()  # ground truth
    assert (cell(panel, 0, 1)[right] == PALETTE[1]).all()
    assert (cell(panel, 1, 2)[16:] == (0, 51, 255)).all()  # reconstruction
    assert (cell(panel, 0, 3)[left] == PALETTE[0]).all()  # attention masks
    assert (cell(panel, 1, 3)[16:] == PALETTE[2]).all()
    assert (cell(panel, 0, 4)[left] == PALETTE[2]).all()  # object masks, reversed
    assert (cell(panel, 0, 4)[right] == PALETTE[1]).all()
    slot = cell(panel, 0, 6)
    assert (slot[right] == (255, 0, 0)).all()  # slot 1 where its object mask is one
    assert set(slot[left].ravel()) == {225, 255}  # elsewhere the checkerboard
    bars = panel[: panel.shape[0] - 2 * CELL]
    for k in range(SLOTS):
        assert (bars == PALETTE[k]).all(-1).any(axis=0)[2 + (5 + k) * CELL]


def test_panel_mixes_half_transparent_slots_and_leaves_out_unused_ones(scene):
    images, outputs, _ = scene
    outputs["log_object_masks"] = np.full((2, SLOTS, SIZE, SIZE, 1), np.log(0.5))
    outputs["num_slots"] = np.array([3, 2])
    panel = segmentation_panel(images, outputs, scale=SCALE)
    half = np.unique(cell(panel, 0, 5).reshape(-1, 3), axis=0)
    assert half.tolist() == [[240, 112, 112], [255, 128, 128]]
    assert (cell(panel, 1, 6) == IGNORED).all()
    assert not (cell(panel, 0, 6) == IGNORED).all()
    first = segmentation_panel(images, outputs, scale=SCALE, max_images=1)
    np.testing.assert_array_equal(cell(first, 0, 6, rows=1), cell(panel, 0, 6))


def test_titles_are_drawn_and_fit(scene):
    images, outputs, _ = scene
    for scale in (1, SCALE, 12):
        panel = segmentation_panel(images, outputs, scale=scale)
        header = panel[: panel.shape[0] - 2 * (SIZE * scale + 2) - 6]
        assert (header < 128).any()
    for title in ("reconstruction", "attention masks"):
        text, font = panels._fit(title, 64)
        assert max(font.getlength(line) for line in text.split("\n")) <= 64


def test_images_may_be_bytes_and_are_clipped():
    images = np.array([-1.0, 0.5, 2.0, np.nan]).reshape(4, 1, 1, 1).repeat(3, axis=3)
    grid = image_grid(images, columns=4, scale=1)
    assert grid.shape == (5, 14, 3)
    assert grid[2, [2, 5, 8, 11], 0].tolist() == [0, 128, 255, 0]
    as_bytes = np.array([0, 128, 255, 0], np.uint8).reshape(4, 1, 1, 1).repeat(3, 3)
    np.testing.assert_array_equal(image_grid(as_bytes, 4, 1), grid)


def test_image_grid_fills_rows_and_leaves_the_rest_white():
    images = np.zeros((5, SIZE, SIZE, 3))
    images[3] = 1 / 3
    grid = image_grid(images, scale=SCALE)
    assert grid.shape == (2 + 2 * CELL, 2 + 3 * CELL, 3)
    assert (cell(grid, 1, 0) == 85).all() and (cell(grid, 1, 1) == 0).all()
    assert (cell(grid, 1, 2) == 255).all()
    assert image_grid(images, columns=1, scale=SCALE).shape[0] == 2 + 5 * CELL


def test_bad_input_is_named(scene):
    images, outputs, labels = scene
    with pytest.raises(ValueError, match="images must have shape"):
        segmentation_panel(images[0], outputs)
    with pytest.raises(ValueError, match="true_labels must have shape"):
        segmentation_panel(images, outputs, labels[:, :2])
    with pytest.raises(ValueError, match="scale must be a positive int.*0"):
        segmentation_panel(images, outputs, scale=0)
    with pytest.raises(ValueError, match=r"'components'.* must have shape \[2, K, 8"):
        segmentation_panel(images, {**outputs, "components": images})
    del outputs["log_masks"]
    with pytest.raises(ValueError, match="outputs must have 'log_masks'"):
        segmentation_panel(images, outputs)
    with pytest.raises(ValueError, match="columns must be at least 1"):
        image_grid(images, columns=0)


def test_save_png_round_trip(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    path = tmp_path / "new" / "picture.png"
    for saved in (image, image[::-1]):  # the second replaces the first
        save_png(path, saved)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), saved)
    assert [file.name for file in path.parent.iterdir()] == ["picture.png"]
    with pytest.raises(ValueError, match="image must be uint8.*float64"):
        save_png(path, image / 255)


def test_save_png_keeps_the_old_file_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    save_png(path, np.zeros((2, 2, 3), np.uint8))
    before = path.read_bytes()

    def fail_half_way(self, file, **_):
        file.write_bytes(b"half a picture")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail_half_way)
    with pytest.raises(OSError, match="disk full"):
        save_png(path, np.ones((2, 2, 3), np.uint8))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]


def test_labelled_rows_have_their_images_in_place():
    red, blue = np.zeros((2, 2, 8, 8, 3))
    red[..., 0], blue[..., 2] = 1.0, 1.0
    picture = labelled_rows([("two\nlines", red), ("one", blue[:1])], scale=SCALE)
    left = picture.shape[1] - 2 * CELL - 2
    assert picture.shape[0] == 2 * CELL + 2 and left > 10
    assert (picture[4 : CELL - 4, left + 4 : left + CELL - 4] == [255, 0, 0]).all()
    below = picture[CELL + 4 : -4, left + 4 : left + CELL - 4]
    assert (below == [0, 0, 255]).all()
    assert (picture[CELL + 4 :, left + CELL + 4 :] == 255).all()  # no image there
    assert (picture[:, : left - 2] < 128).any()  # the labels
    titled = labelled_rows([("row", red)], ["a", "b"], scale=SCALE)
    assert titled.shape[0] > CELL + 2 + 5


def test_text_of_figures_is_as_large_as_in_print():
    wide = figures._font(["label"], 900)
    width = 900 + wide.getlength("label") + wide.size
    points = wide.size / width * 5.5 * 72
    assert points == pytest.approx(8.0, rel=0.05)


def test_bad_rows_are_named():
    images = np.zeros((2, 8, 8, 3))
    with pytest.raises(ValueError, match="rows must not be empty"):
        labelled_rows([])
    with pytest.raises(ValueError, match="images of one size"):
        labelled_rows([("a", images), ("b", images[:, :4])])
    with pytest.raises(ValueError, match="titles must be at most 2"):
        labelled_rows([("a", images)], ["a", "b", "c"])


def test_charts_are_drawn_with_their_lines_bars_and_axes():
    flat = Line("flat", [1, 10, 100], [1.0, 1.0, 1.0])
    rising = Line("rising", [1, 10, 100], [0.1, float("nan"), 2.0], [0.1, 0.1, 0.1])
    left = Chart("error", [flat, rising], "size", log_x=True, log_y=True)
    right = Chart("K", [rising], "threshold", ticks=[(1, "few"), (100, "many")])
    figure = line_charts([left, right])
    first, second = figure.axes
    assert first.get_title() == "error" and first.get_xlabel() == "size"
    assert (first.get_xscale(), first.get_yscale()) == ("log", "log")
    assert (second.get_xscale(), second.get_yscale()) == ("linear", "linear")
    assert [tick.get_text() for tick in second.get_xticklabels()] == ["few", "many"]
    drawn = first.containers[1]  # with the bars
    np.testing.assert_array_equal(drawn.lines[0].get_ydata().astype(float), rising.y)
    lower, upper = drawn.lines[2][0].get_segments()[-1][:, 1]
    assert (lower, upper) == pytest.approx((1.9, 2.1))
    # A line has one colour in all charts.
    assert drawn.lines[0].get_color() == second.containers[0].lines[0].get_color()
    assert drawn.lines[0].get_color() != first.containers[0].lines[0].get_color()
    assert [text.get_text() for text in figure.legends[0].texts] == ["flat", "rising"]


def test_almost_flat_lines_look_flat():
    chart = Chart("y", [Line("a", [0, 1], [1.0, 1.001])], "x")
    low, high = line_charts([chart]).axes[0].get_ylim()
    assert high - low == pytest.approx(0.05, rel=0.01)
    assert (low + high) / 2 == pytest.approx(1.0005)


def test_charts_are_files_of_the_same_picture(tmp_path):
    figure = line_charts([Chart("y", [Line("a", [0, 1], [1.0, 2.0])], "x")])
    save_figures(tmp_path, {"chart": figure}, pdf=True)
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.size == (480, 360)
    content = (tmp_path / "chart.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/Subtype /Image" not in content  # lines, not pixels
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "chart.pdf",
        "chart.png",
    ]


def test_bad_charts_are_named():
    with pytest.raises(ValueError, match="charts must not be empty"):
        line_charts([])
    with pytest.raises(ValueError, match="chart 'y' has no finite value"):
        line_charts([Chart("y", [Line("a", [0], [float("nan")])], "x")])
    with pytest.raises(ValueError, match="line 'a' has parts of lengths"):
        line_charts([Chart("y", [Line("a", [0, 1], [1.0])], "x")])


def test_pdf_has_the_width_of_the_text(tmp_path):
    save_pdf(tmp_path / "a.pdf", np.zeros((100, 200, 3), np.uint8), width=4.0)
    content = (tmp_path / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    # 4 inches are 288 points, and the page is half as high.
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", content)
    assert [float(side) for side in box.groups()] == pytest.approx([288.0, 144.0])
    with pytest.raises(ValueError, match="width must be positive"):
        save_pdf(tmp_path / "b.pdf", np.zeros((1, 1, 3), np.uint8), width=0)
