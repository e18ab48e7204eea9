"""Records the transcripts of docs/walkthrough.md: `python docs/transcript.py`.

Each command of the page, a line `$ COMMAND` in a block of the language `console`, is
run in turn in an empty folder; what it prints takes the place of what stands below it.
A line `^C` says that Ctrl-C was pressed: it is once steps have been reported. A server
of the exported model listens for the example client; TensorFlow's own loader answers
in place of TensorFlow Serving. A test runs the same commands on a small model.
"""

import base64
import contextlib
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / "docs" / "walkthrough.md"
CTRL_C = "^C"
_REPORT = re.compile(r"step |[\d,]+ steps will take")
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)


def transcripts(text):
    """Returns the commands of a page, in order: pairs of command and printed lines."""
    found = []
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def signature_answer(function, body):
    """Returns what a server answers by REST: the outputs of a signature as JSON.

    Args:
        function: Signature name -> function of tensors.
        body: JSON of the request, in the `inputs` form.
    """
    import tensorflow as tf

    request = json.loads(body)
    inputs = request["inputs"]
    images = [base64.b64decode(image["b64"]) for image in inputs.pop("encoded_images")]
    outputs = function(request["signature_name"])(
        encoded_images=tf.constant(images),
        **{name: tf.constant(value) for name, value in inputs.items()},
    )
    values = {key: value.numpy().tolist() for key, value in outputs.items()}
    return json.dumps({"outputs": values}).encode()


def signature_metadata(signatures):
    """Returns what a server says of a model by REST: the names of all inputs."""
    found = {
        name: {"inputs": dict.fromkeys(signature.structured_input_signature[1], {})}
        for name, signature in signatures.items()
    }
    return json.dumps(
        {"metadata": {"signature_def": {"signature_def": found}}}
    ).encode()


@contextlib.contextmanager
def serving(folder, port=8501):
    """Answers REST requests by a SavedModel for as long as the context lasts.

    Args:
        folder: Folder of the SavedModel; loaded with the first request.
        port: Port of this machine; 0 for any.

    Yields:
        The port.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802, the name is http.server's
            self._answer(signature_metadata(self._signatures()))

        def do_POST(self):  # noqa: N802
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(signature_answer(self._signatures().__getitem__, body))

        def _signatures(self):
            import tensorflow as tf

            self.loaded = tf.saved_model.load(str(folder))
            return self.loaded.signatures

        def _answer(self, content):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("localhost", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()


def run(command, folder, interrupt):
    """Runs a command as from a shell; returns the lines that it printed.

    Args:
        command: One line of a shell.
        folder: Where.
        interrupt: Whether to press Ctrl-C after the first step that is reported.
    """
    tools = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        command.split(),
        cwd=folder,
        env={**os.environ, "PATH": tools, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if interrupt and _REPORT.match(line):
            process.send_signal(signal.SIGINT)
            lines.append(CTRL_C)
            interrupt = False
    process.wait()
    return lines


def main():
    """Replaces the transcripts of the page by new ones."""
    text = PAGE.read_text()
    printed = {}
    with tempfile.TemporaryDirectory() as folder, serving(f"{folder}/export/1"):
        (pathlib.Path(folder) / "examples").symlink_to(ROOT / "examples")
        for command, before in transcripts(text):
            printed[command] = run(command, folder, CTRL_C in before)
            print(f"$ {command}", *printed[command], sep="\n", flush=True)

    def renew(block):
        commands = [line for line in block[0].splitlines() if line.startswith("$ ")]
        lines = [line for each in commands for line in [each, *printed[each[2:]]]]
        return "".join(f"{line}\n" for line in lines)

    PAGE.write_text(_BLOCK.sub(renew, text))


if __name__ == "__main__":
    main()
