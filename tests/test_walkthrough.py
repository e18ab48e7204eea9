"""The commands of the walkthrough, run in order on a small model, print its lines."""

import importlib.util
import pathlib
import re
import signal
import sys

import pytest
from PIL import Image

from genesis_keras.commands import evaluate, export, train
from genesis_keras.training.checkpoints import CheckpointStore

ROOT = pathlib.Path(__file__).parents[1]
COMMANDS = {
    "genesis-train": train.main,
    "genesis-evaluate": evaluate.main,
    "genesis-export": export.main,
}
# What makes the commands quick; what they print of it may differ from the page.
SMALL = {
    "genesis-train": [
        *("--model=slot_attention", "--num_iterations=1", "--filters=8"),
        *("--num_slots=2", "--batch_size=2", "--steps=4", "--checkpoint_every=2"),
        "--picture_every=1000000",
    ],
    "genesis-evaluate": ["--num_images=2", "--nobaselines"],
    "genesis-export": [],
}
LANDMARKS = (
    *("training", "recipe", "compiling", "step", "stopped:", "resuming", "done:"),
    *("metrics", "export/1:"),
)


@pytest.fixture(scope="module")
def transcript():
    """The module `docs/transcript.py`."""
    spec = importlib.util.spec_from_file_location("t", ROOT / "docs/transcript.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ctrl_c(monkeypatch):
    """Presses Ctrl-C when the first checkpoint has been written, once."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    save = CheckpointStore.save

    def save_and_press(self, model, step):
        save(self, model, step)
        monkeypatch.setattr(CheckpointStore, "save", save)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(CheckpointStore, "save", save_and_press)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def landmarks(lines):
    """First words of the lines that a reader goes by, sorted: there are two streams."""
    words = {line.split()[0] for line in lines if line.split()}
    # A run that is stopped need not have reported a step, a quick one no time.
    optional = {"step"} if "stopped:" in words else set()
    return sorted(words & set(LANDMARKS) - optional)


@pytest.mark.slow
def test_the_commands_print_what_the_page_shows(
    transcript, ctrl_c, tmp_path, data_dir, monkeypatch, capfd
):
    pairs = transcript.transcripts(transcript.PAGE.read_text())
    names = [command.split()[0] for command, _ in pairs]
    assert names[:2] == ["genesis-train", "genesis-train"]
    clients = [pair for pair in pairs if pair[0].startswith("python ")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    codes = []
    for command, shown in pairs[: len(pairs) - len(clients)]:
        name, *words = command.split()
        if "--resume" not in words:
            words = [
                word for word in words if not word.startswith(("--model", "--filters"))
            ]
            words += SMALL[name]  # of flags that are given twice the last counts
        monkeypatch.setattr(sys, "argv", [name, *words])
        capfd.readouterr()
        if name == "genesis-train":
            words.append(f"--data_dir={data_dir}")
        codes.append(COMMANDS[name](words))
        printed = capfd.readouterr()
        lines = [*printed.out.splitlines(), *printed.err.splitlines()]
        assert landmarks(lines) == landmarks(shown), command
    assert codes == [130, 0, 0, 0][: len(codes)]

    for command, shown in clients:
        check_client(transcript, command, shown, monkeypatch, capfd)


def check_client(transcript, command, shown, monkeypatch, capfd):
    """Runs the example client against what was exported."""
    client = transcript_client(command)
    with transcript.serving("export/1", port=0) as port:
        url = f"http://localhost:{port}/v1/models/genesis:predict"
        scene = ROOT / "examples" / "serving" / "scene.png"
        monkeypatch.setattr(sys, "argv", ["x", str(scene), "out.png", f"--url={url}"])
        client.main()
    printed = capfd.readouterr().out
    assert re.fullmatch(r"\d slots, picture in out.png\n", printed)
    assert re.fullmatch(r"\d slots, picture in segmentation.png", shown[-1])
    with Image.open("out.png") as picture:
        assert picture.size == (256, 256)


def transcript_client(command):
    """The module of the example client that a command runs."""
    path = ROOT / command.split()[1]
    spec = importlib.util.spec_from_file_location("client", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_transcript_was_recorded(transcript):
    for command, shown in transcript.transcripts(transcript.PAGE.read_text()):
        assert shown, f"run python docs/transcript.py: {command}"
        assert not any("Traceback" in line for line in shown)
