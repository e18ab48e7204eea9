"""The layout of the page and the callbacks of its controls."""

import os

# Read when Gradio is imported: turns its telemetry off.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from genesis_keras.demo import drawing, editing
from genesis_keras.presets.card import trained_on
from genesis_keras.segmentation.segmenting import segment, threshold_of

_MAX_SLOTS = 12
_REMOVE, _RESAMPLE, _SWAP = "remove", "sample again", "replace"
_USER_ERRORS = (ValueError, OSError)
_BUTTONS = ["download", "fullscreen"]
_PICTURES = ("segment-picture", "edit-picture", "edit-other-picture")
STYLE = (
    ", ".join(f"#{name} img" for name in _PICTURES)
    + " {width: 100%; height: 100%; object-fit: contain; image-rendering: pixelated}"
)
"""CSS of the page. Small pictures are enlarged."""


def build_page(model, metadata, examples=()):
    """Builds the page of a model.

    Args:
        model: The model.
        metadata: What is known of its preset, see `presets.writing.write_preset`.
        examples: Paths of example pictures.

    Returns:
        A `gradio.Blocks`.
    """
    examples = [[str(path)] for path in examples]
    with gr.Blocks(title="genesis-keras", analytics_enabled=False) as page:
        name = type(model).__name__
        gr.Markdown(f"# Objects without labels\n{name}. {trained_on(metadata)}")
        threshold = threshold_of(metadata)
        with gr.Tab("Segment"):
            _segment_tab(model, examples, threshold)
        with gr.Tab("Edit"):
            _edit_tab(model, examples, threshold)
        with gr.Tab("Generate"):
            _generate_tab(model)
    return page


def _segment_tab(model, examples, threshold):
    with gr.Row():
        with gr.Column():
            picture = _picture("Picture: drop, paste or choose one", "segment-picture")
            _choice(examples, picture)
            settings = [*_slots(model, "segment", threshold), _seed()]
        with gr.Column():
            overlay = _shown("Objects", "segment-overlay")
            said = gr.Markdown(elem_id="segment-said")
        with gr.Column():
            reconstruction = _shown("Reconstruction", "segment-reconstruction")
    slots = _shown("Slots", "segment-slots")
    results = [overlay, reconstruction, slots, said]

    def run(path, num_slots, threshold, seed):
        if path is None:
            return None, None, None, ""
        try:
            found = segment(
                model,
                path,
                num_slots=int(num_slots),
                min_mask_pixels=threshold,
                seed=int(seed),
            )
        except _USER_ERRORS as error:
            return None, None, None, _warn(error)
        lines = [
            f"{item.label}. {item.area:,} pixels, mean probability "
            f"{item.mean_probability:.2f}"
            for item in found.objects
        ]
        return (
            drawing.overlay_of(found),
            drawing.reconstruction_of(found),
            drawing.slots_picture(found),
            "\n".join([f"**{_count(len(found.objects), 'object')}**\n", *lines]),
        )

    picture.change(run, [picture, *settings], results, show_progress="minimal")
    for setting in settings:
        setting.release(run, [picture, *settings], results, show_progress="minimal")


def _edit_tab(model, examples, threshold):
    gr.Markdown(
        "Choose a picture. The scene is decoded from its object latents: click an "
        "object to remove it, to replace it by an object of the other picture, or to "
        "sample it again from the prior."
    )
    actions = [_REMOVE, _SWAP] + [_RESAMPLE] * model.is_generative
    action = gr.Radio(
        actions, value=_REMOVE, label="A click on an object will", elem_id="edit-action"
    )
    with gr.Row():
        with gr.Column():
            picture = _picture("Picture", "edit-picture")
            _choice(examples, picture)
        with gr.Column():
            shown = _shown("Scene: click an object", "edit-scene")
            with gr.Row():
                undo = gr.Button("Undo", elem_id="edit-undo")
                reset = gr.Button("Start again", elem_id="edit-reset")
            said = gr.Markdown(elem_id="edit-said")
        with gr.Column():
            other_picture = _picture("Other picture", "edit-other-picture")
            _choice(examples, other_picture)
            other_shown = _shown("Click the object to take", "edit-other-scene")
            other_said = gr.Markdown(elem_id="edit-other-said")
    scenes = gr.State([])  # the scene after each edit
    other, taken = gr.State(None), gr.State(None)

    def read(path):
        return editing.scene_of(model, path, min_mask_pixels=threshold)

    def show(history):
        if not history:
            return None, "", history
        scene = history[-1]
        edits = _count(len(history) - 1, "edit")
        text = f"{_count(scene.num_objects, 'object')}, {edits}"
        return drawing.enlarge(scene.image), text, history

    def start(path):
        if path is None:
            return show([])
        try:
            return show([read(path)])
        except _USER_ERRORS as error:
            return None, _warn(error), []

    def start_other(path):
        if path is None:
            return None, "", None, None
        try:
            scene = read(path)
        except _USER_ERRORS as error:
            return None, _warn(error), None, None
        return drawing.enlarge(scene.image), "", scene, None

    def edit(history, action, other, taken, event: gr.SelectData):
        scene = history[-1]
        try:
            slot = _clicked(scene, event)
            if action == _REMOVE:
                scene = editing.remove_object(model, scene, slot)
            elif action == _RESAMPLE:
                scene = editing.resample_object(model, scene, slot, len(history))
            elif taken is None:
                raise ValueError("first click an object of the other picture")
            else:
                scene = editing.swap_object(model, scene, slot, other, taken)
        except _USER_ERRORS as error:
            image, _, _ = show(history)
            return image, _warn(error), history
        return show([*history, scene])

    def take(other, event: gr.SelectData):
        try:
            slot = _clicked(other, event)
        except _USER_ERRORS as error:
            return None, _warn(error)
        return (
            slot,
            f"slot {slot} is selected: click the object to replace in the scene",
        )

    results = [shown, said, scenes]
    picture.change(start, picture, results, show_progress="minimal")
    others = [other_shown, other_said, other, taken]
    other_picture.change(start_other, other_picture, others)
    shown.select(edit, [scenes, action, other, taken], results)
    other_shown.select(take, other, [taken, other_said])
    undo.click(lambda history: show(history[:-1] or history), scenes, results)
    reset.click(lambda history: show(history[:1]), scenes, results)


def _generate_tab(model):
    if not model.is_generative:
        gr.Markdown(
            f"{type(model).__name__} is not generative: it has no prior to sample from."
        )
        return
    with gr.Row():
        with gr.Column():
            slots = _slots(model, "generate")[0]
            seed = _seed()
            button = gr.Button("Generate", variant="primary", elem_id="generate-button")
        scene = _shown("Scene", "generate-scene")
    steps = _shown("Composed slot by slot, in the order of the prior", "generate-steps")

    def run(num_slots, seed):
        image, parts = editing.generate(model, int(num_slots), int(seed))
        return drawing.enlarge(image), drawing.steps_picture(parts), int(seed) + 1

    button.click(run, [slots, seed], [scene, steps, seed])


def _picture(label, elem_id):
    picture = gr.Image(
        label=label,
        sources=["upload", "clipboard"],
        elem_id=elem_id,
        height=280,
        buttons=_BUTTONS,
    )
    # The callbacks read the file themselves, to report errors in their own words. (A
    # subclass would do, but Gradio writes a stub file next to its source.)
    picture.preprocess = lambda payload: None if payload is None else payload.path
    return picture


def _choice(examples, picture):
    if examples:
        gr.Examples(examples, picture, label="Examples", cache_examples=False)


def _shown(label, elem_id):
    return gr.Image(
        label=label,
        interactive=False,
        elem_id=elem_id,
        format="png",
        buttons=_BUTTONS,
    )


def _slots(model, tab, threshold=0):
    """The sliders of K and of the threshold of flexible slots."""
    segments = tab == "segment"
    sliders = [
        gr.Slider(
            model.min_slots,
            max(_MAX_SLOTS, model.num_slots),
            value=model.num_slots,
            step=1,
            label="K, the maximum number of slots"
            if segments
            else "K, number of slots",
            elem_id=f"{tab}-slots",
        )
    ]
    sliders.append(
        gr.Slider(
            0,
            200,
            value=threshold,
            step=1,
            label="Threshold of flexible slots, in pixels",
            visible=model.has_flexible_slots and segments,
        )
    )
    return sliders


def _seed():
    return gr.Slider(0, 100, value=0, step=1, label="Seed")


def _clicked(scene, event):
    """The slot of the clicked object of an enlarged scene."""
    scale = drawing.enlargement(scene.image)
    x, y = event.index
    return scene.object_at(int(x) // scale, int(y) // scale)


def _warn(error):
    """Shows an error as a message on the page, and returns its text.

    `gradio.Error` would cover the outputs, and clicks would no longer reach them.
    """
    gr.Warning(str(error))
    return str(error)


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"
