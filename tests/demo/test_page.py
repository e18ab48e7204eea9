"""The page in a real Chromium.

With DEMO_SCREENSHOTS=docs the pictures of the guide are written, too.
"""

import base64
import importlib.util
import io
import os
import pathlib
import shutil
import urllib.parse

import numpy as np
import pytest
from PIL import Image

from genesis_keras.commands.demo import main
from genesis_keras.demo import drawing, editing
from genesis_keras.models.base import SceneModel
from genesis_keras.presets.finding import DEFAULT_PRESET, find_preset
from genesis_keras.presets.layout import example_paths
from genesis_keras.segmentation.segmenting import segment

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
MISSING = [
    name for name in ("gradio", "playwright") if importlib.util.find_spec(name) is None
] + ["Chromium (apt-get install chromium)"] * (CHROMIUM is None)
in_browser = pytest.mark.skipif(
    bool(MISSING), reason=f"the page is not tested without {', '.join(MISSING)}"
)
DROP = """([data, name]) => {
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, {type: "image/png"}));
    return transfer;
}"""


@pytest.fixture(scope="module")
def served():
    from genesis_keras.demo.serving import serve

    server, address = serve(DEFAULT_PRESET)
    yield address
    server.close()


@pytest.fixture(scope="module")
def browser(served):
    """A window of the browser, and what it asked for and complained of."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        window = chromium.new_page(viewport={"width": 1280, "height": 900})
        window.set_default_timeout(120_000)
        asked, said = [], []
        window.on("request", lambda request: asked.append(request.url))
        window.on("console", lambda message: said.append(message.text))
        yield window, asked, said
        chromium.close()


@pytest.fixture
def page(browser, served):
    """The page, opened anew."""
    browser[0].goto(served)
    return browser[0]


@pytest.fixture(scope="module")
def model():
    return SceneModel.from_preset(DEFAULT_PRESET)


@pytest.fixture(scope="module")
def paths():
    return example_paths(find_preset(DEFAULT_PRESET))


def shown(page, name):
    """The picture that a part of the page shows."""
    source = page.locator(f"#{name} img").get_attribute("src")
    return np.array(Image.open(io.BytesIO(page.request.get(source).body())))


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()


def choose(page, name, path):
    page.set_input_files(f"#{name} input[type=file]", path)


def click_object(page, name, scene, slot):
    """Clicks in the middle of the pixels of an object."""
    rows, columns = np.nonzero(scene.slots == slot)
    middle = len(rows) // 2
    picture = page.locator(f"#{name} img")
    box, side = picture.bounding_box(), len(scene.slots)
    place = {
        "x": (columns[middle] + 0.5) / side * box["width"],
        "y": (rows[middle] + 0.5) / side * box["height"],
    }
    picture.click(position=place)


def shoot(page, name):
    if folder := os.environ.get("DEMO_SCREENSHOTS"):
        page.wait_for_timeout(2_000)  # progress bars fade
        path = pathlib.Path(folder) / f"demo_{name}.png"
        page.screenshot(path=path, full_page=True)


@in_browser
@pytest.mark.slow
def test_a_dropped_picture_is_segmented(page, model, paths):
    data = base64.b64encode(paths[1].read_bytes()).decode()
    transfer = page.evaluate_handle(DROP, [data, "picture.png"])
    page.dispatch_event(
        "#segment-picture button:has(input)", "drop", {"dataTransfer": transfer}
    )
    page.wait_for_selector("#segment-slots img")
    page.get_by_text("4 objects").wait_for()
    found = segment(model, paths[1])
    overlay, expected = shown(page, "segment-overlay"), drawing.overlay_of(found)
    np.testing.assert_array_equal(overlay, expected)
    shoot(page, "segment")


PASTE = """async data => {
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const blob = new Blob([bytes], {type: "image/png"});
    await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
}"""


@in_browser
@pytest.mark.slow
def test_a_pasted_picture_is_segmented(page, model, paths):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(PASTE, base64.b64encode(paths[1].read_bytes()).decode())
    page.locator("#segment-picture").get_by_label("Paste from clipboard").click()
    page.wait_for_selector("#segment-overlay img")
    expected = drawing.overlay_of(segment(model, paths[1]))
    np.testing.assert_array_equal(shown(page, "segment-overlay"), expected)


@in_browser
@pytest.mark.slow
def test_an_example_with_other_settings(page, model, paths):
    tab = page.get_by_role("tabpanel").filter(has=page.locator("#segment-picture"))
    tab.locator("button.gallery-item").nth(1).click()
    page.wait_for_selector("#segment-overlay img")
    before = segment(model, paths[1])
    expected = drawing.overlay_of(before)
    np.testing.assert_array_equal(shown(page, "segment-overlay"), expected)
    for label, value, settings in (
        ("K, the maximum number of slots", 2, {"num_slots": 2}),
        ("Threshold of flexible slots", 150, {"min_mask_pixels": 150}),
        ("Seed", 7, {"seed": 7}),
    ):
        slider = tab.get_by_label(f"number input for {label}")
        usual = slider.input_value()
        source = page.locator("#segment-overlay img").get_attribute("src")
        for number in (value, usual):
            slider.fill(str(number))
            slider.blur()
            page.wait_for_function(
                "source => document.querySelector('#segment-overlay img')?.src"
                " != source",
                arg=source,
            )
            source = page.locator("#segment-overlay img").get_attribute("src")
            found = segment(model, paths[1], **(settings if number == value else {}))
            expected = drawing.overlay_of(found)
            np.testing.assert_array_equal(shown(page, "segment-overlay"), expected)


@in_browser
@pytest.mark.slow
def test_an_object_is_sampled_again(page, model, paths):
    open_tab(page, "Edit")
    choose(page, "edit-picture", paths[1])
    page.get_by_text("4 objects, 0 edits").wait_for()
    scene = editing.scene_of(model, paths[1])
    slot = int(np.flatnonzero(~scene.background)[0])
    page.get_by_label("sample again").check()
    click_object(page, "edit-scene", scene, slot)
    page.get_by_text(", 1 edit").first.wait_for()
    sampled = editing.resample_object(model, scene, slot, 1)
    expected = drawing.enlarge(sampled.image)
    np.testing.assert_array_equal(shown(page, "edit-scene"), expected)
    page.click("#edit-reset")
    page.get_by_text("4 objects, 0 edits").wait_for()


@in_browser
@pytest.mark.slow
def test_a_file_that_is_no_picture_gives_a_message(page, tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    choose(page, "segment-picture", tmp_path / "bad.png")
    page.get_by_text("is no picture that can be read").first.wait_for()
    assert page.locator("#segment-overlay img").count() == 0


@in_browser
@pytest.mark.slow
def test_objects_are_removed_and_swapped(page, model, paths):
    open_tab(page, "Edit")
    choose(page, "edit-picture", paths[1])
    page.get_by_text("4 objects, 0 edits").wait_for()
    scene, other = (editing.scene_of(model, path) for path in paths[1:3])
    slots = np.flatnonzero(~scene.background)
    click_object(page, "edit-scene", scene, slots[0])
    page.get_by_text("3 objects, 1 edit").wait_for()
    removed = editing.remove_object(model, scene, slots[0])
    expected = drawing.enlarge(removed.image)
    np.testing.assert_array_equal(shown(page, "edit-scene"), expected)

    page.get_by_label("replace").check()
    slot = int(np.flatnonzero(~removed.background)[0])
    click_object(page, "edit-scene", removed, slot)
    page.get_by_text("first click an object").first.wait_for()
    choose(page, "edit-other-picture", paths[2])
    page.wait_for_selector("#edit-other-scene img")
    taken = int(np.flatnonzero(~other.background)[0])
    click_object(page, "edit-other-scene", other, taken)
    page.get_by_text(f"slot {taken} is selected").wait_for()
    click_object(page, "edit-scene", removed, slot)
    page.get_by_text(", 2 edits").wait_for()
    swapped = editing.swap_object(model, removed, slot, other, taken)
    expected = drawing.enlarge(swapped.image)
    np.testing.assert_array_equal(shown(page, "edit-scene"), expected)
    shoot(page, "edit")
    page.click("#edit-undo")
    page.get_by_text("3 objects, 1 edit").wait_for()


@in_browser
@pytest.mark.slow
def test_scenes_are_generated(page, model):
    open_tab(page, "Generate")
    page.click("#generate-button")
    page.wait_for_selector("#generate-steps img")
    image, _ = editing.generate(model, model.num_slots, 0)
    np.testing.assert_array_equal(shown(page, "generate-scene"), drawing.enlarge(image))
    shoot(page, "generate")


@in_browser
@pytest.mark.slow
def test_nothing_leaves_this_machine(page, browser):
    page.get_by_role("tab", name="Segment").wait_for()
    _, asked, said = browser
    hosts = {urllib.parse.urlsplit(url).hostname for url in asked}
    assert hosts - {None} == {"127.0.0.1"}
    # The policy of the page would keep a request back and say so.
    assert not [text for text in said if "Content Security Policy" in text]


def test_flexible_slots_have_the_threshold_of_the_training_data(make_model, paths):
    pytest.importorskip("gradio")
    from genesis_keras.demo import page as layout

    asked = []

    def asks(model, path, min_mask_pixels=None, **settings):
        asked.append(min_mask_pixels)
        raise ValueError("enough")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout.editing, "scene_of", asks)
        metadata = {"dataset": "shapestacks/rendered", "image_size": 32}
        built = layout.build_page(make_model(), metadata)
        names = [fn.fn.__name__ for fn in built.fns.values()]
        for name in ("start", "start_other"):
            list(built.fns.values())[names.index(name)].fn(paths[0])
    assert asked == [40.0, 40.0]
    sliders = {
        block.label: block.value
        for block in built.blocks.values()
        if isinstance(block, layout.gr.Slider) and block.visible
    }
    assert sliders["Threshold of flexible slots, in pixels"] == 40.0


def test_what_the_command_says_of_wrong_flags(monkeypatch, capsys):
    assert main(["--port=70000"]) == 1
    assert "--port must be at most 65535; got 70000" in capsys.readouterr().err
    find_spec = importlib.util.find_spec
    with monkeypatch.context() as patch:
        patch.setattr(
            importlib.util,
            "find_spec",
            lambda name, *rest: None if name == "gradio" else find_spec(name, *rest),
        )
        assert main([]) == 1
    assert "needs pip install 'genesis-keras[demo]'" in capsys.readouterr().err
    if not MISSING:
        assert main(["--preset=nothing"]) == 1
        assert "'nothing' is neither a bundled preset" in capsys.readouterr().err
