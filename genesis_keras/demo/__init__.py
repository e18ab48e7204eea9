"""The demo page: segment a picture, edit its objects, generate scenes.

`editing` has what the page does with a model, on a `scene`, without Gradio; `drawing`
makes the pictures that it shows. `page` lays out the tabs and `serving` starts them.
Only these two import Gradio.
"""
