"""Serves the page on this machine."""

import gradio as gr

from genesis_keras.demo.page import STYLE, build_page
from genesis_keras.models.base import SceneModel
from genesis_keras.presets.finding import find_preset
from genesis_keras.presets.layout import example_paths
from genesis_keras.presets.reading import read_metadata

HOST = "127.0.0.1"
# Browsers refuse requests of the page to other servers.
_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "connect-src 'self' data: blob:"
)
_HEAD = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
_FONTS = ["system-ui", "sans-serif"]


def serve(preset, port=None):
    """Starts the server in background threads.

    Args:
        preset: See `presets.finding.find_preset`.
        port: The port; by default the first free one from 7860.

    Returns:
        The `gradio.Blocks`, to be closed by `close`, and the address of the page.

    Raises:
        ValueError: If the preset is unknown or damaged.
        OSError: If the port is in use.
    """
    model = SceneModel.from_preset(preset)
    examples = example_paths(find_preset(preset))
    page = build_page(model, read_metadata(preset), examples)
    theme = gr.themes.Default(font=_FONTS, font_mono=["ui-monospace", "monospace"])
    page.launch(
        server_name=HOST,
        server_port=port,
        share=False,
        inbrowser=False,
        quiet=True,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        footer_links=[],
        prevent_thread_lock=True,
        theme=theme,
        css=STYLE,
        head=_HEAD,
    )
    return page, page.local_url
