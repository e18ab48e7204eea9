"""The demo page: segment a picture, edit its objects, generate scenes.

`editing` contains the operations of the page on a `Scene`, and `drawing` renders
results; neither depends on Gradio. `page` lays out the tabs and `serving` starts the
server.
"""
