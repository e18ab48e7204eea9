"""Standard clients, and one without Python, use the exported model."""

import base64
import importlib.util
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from genesis_keras.export import warmup
from genesis_keras.export.__main__ import main
from genesis_keras.export.signatures import signatures

HERE = pathlib.Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples" / "serving"
QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def run(*command):
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=QUIET
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.mark.slow
def test_tensorflow_alone_gives_the_same(served, tmp_path):
    inputs, want = {}, {}
    for name, signature in signatures(served.model).items():
        examples = {
            key: value.numpy()
            for key, value in warmup.example_inputs(signature).items()
        }
        for key, value in served.call(name, **examples).items():
            want[f"{name}/{key}"] = value
        if name == "segment_png":  # NumPy's files hold no strings that end in zeros
            continue
        inputs |= {f"{name}/{key}": value for key, value in examples.items()}
    np.savez(tmp_path / "inputs.npz", **inputs)
    run(
        sys.executable,
        HERE / "tensorflow_alone.py",
        served.folder,
        tmp_path / "inputs.npz",
        tmp_path / "outputs.npz",
    )
    outputs = np.load(tmp_path / "outputs.npz")
    assert {key.split("/")[0] for key in outputs} == {
        key.split("/")[0] for key in inputs
    }
    for key in outputs:
        np.testing.assert_allclose(outputs[key], want[key], atol=1e-4, err_msg=key)


@pytest.mark.slow
def test_saved_model_cli_shows_and_runs_every_signature(served, tmp_path, capsys):
    # What its commands call, here: starting TensorFlow for each takes too long.
    cli = importlib.import_module("tensorflow.python.tools.saved_model_cli")
    cli._show_all(str(served.folder))
    shown = capsys.readouterr().out
    for name, signature in signatures(served.model).items():
        assert f"signature_def['{name}']" in shown
        assert all(f"inputs['{spec.name}']" in shown for spec in signature.inputs)
        assert all(f"outputs['{key}']" in shown for key in signature.outputs)
        examples = warmup.example_inputs(signature)
        first = signature.inputs[0].name  # the others take their defaults
        np.save(tmp_path / "input.npy", examples[first].numpy())
        inputs = cli.load_inputs_from_input_arg_string(
            f"{first}={tmp_path / 'input.npy'}", "", ""
        )
        outdir = tmp_path / name
        arguments = [str(served.folder), "serve", name, inputs, str(outdir), False]
        cli.run_saved_model_with_feed_dict(*arguments)
        want = served.call(name, **examples)
        found = {path.stem: np.load(path) for path in outdir.iterdir()}
        assert found.keys() == want.keys()
        for key in want:
            np.testing.assert_allclose(found[key], want[key], atol=1e-4, err_msg=key)


@pytest.mark.slow
def test_saved_model_cli_is_a_command_that_runs_the_default(served, tmp_path):
    command = pathlib.Path(sys.executable).with_name("saved_model_cli")
    if not command.exists():
        pytest.skip("no saved_model_cli next to Python")
    np.save(tmp_path / "images.npy", np.full([2, 32, 32, 3], 0.5, "float32"))
    run(
        *(command, "run", "--dir", served.folder, "--tag_set", "serve"),
        *("--signature_def", "serving_default", "--outdir", tmp_path),
        *("--inputs", f"images={tmp_path / 'images.npy'}"),
    )
    assert np.load(tmp_path / "label_map.npy").shape == (2, 32, 32)


@pytest.mark.slow
def test_requests_of_tensorflow_serving(served):
    reason = "tensorflow-serving-api is not installed"
    predict_pb2 = pytest.importorskip(
        "tensorflow_serving.apis.predict_pb2", reason=reason
    )
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = "serving_default"
    images = np.full([2, 32, 32, 3], 0.25, "float32")
    request.inputs["images"].CopyFrom(tf.make_tensor_proto(images))
    request = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    outputs = answer(served, request)
    want = served.call("serving_default", images=images)
    np.testing.assert_array_equal(outputs["label_map"], want["label_map"])

    records = tf.data.TFRecordDataset(str(served.folder / warmup.WARMUP_FILE))
    requests = [
        logs.PredictionLog.FromString(record.numpy()).predict_log.request
        for record in records
    ]
    names = {request.model_spec.signature_name for request in requests}
    assert names == signatures(served.model).keys()
    for request in requests:
        assert all(len(output) == 1 for output in answer(served, request).values())


def answer(served, request):
    """Returns the model's response to a PredictRequest."""
    inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
    return served.call(request.model_spec.signature_name, **inputs)


@pytest.mark.slow
def test_c_program(served, tmp_path, capsys):
    compiler = shutil.which("gcc")
    library = pathlib.Path(tf.sysconfig.get_lib())
    libraries = [
        next(library.glob(f"libtensorflow_{part}.so.*"), None)
        for part in ("cc", "framework")
    ]
    if compiler is None or None in libraries:
        pytest.skip("no gcc, or no TensorFlow library to link with")
    program = tmp_path / "client"
    run(
        *(compiler, "-Wall", "-Werror", HERE / "client.c", "-o", program),
        *(f"-I{tf.sysconfig.get_include()}", *libraries, f"-Wl,-rpath,{library}"),
    )
    content = (served.folder / "saved_model.pb").read_bytes()
    meta_graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
    signature = meta_graph.signature_def["serving_default"]
    tensors = [signature.inputs["images"].name, signature.outputs["label_map"].name]
    printed = run(program, served.folder, 32, 4, *tensors, 10)
    ramp = np.broadcast_to(np.arange(32.0)[:, None] / 32, [1, 32, 32, 3])
    want = served.call("serving_default", images=ramp)["label_map"]
    total, milliseconds = printed.split()
    assert int(total) == want.sum()
    with capsys.disabled():
        print(f"\nC API: {milliseconds} ms an image of 32x32, median of 10")
    # A session does not check what it is fed: the graph must.
    wrong = subprocess.run(
        [program, served.folder, "32", "4", *tensors, "1", "3"],
        capture_output=True,
        text=True,
        env=QUIET,
    )
    assert wrong.returncode == 1
    assert "images must have shape [B, 32, 32, 3]; got [1 32 32]" in wrong.stderr


@pytest.mark.slow
def test_from_a_work_directory_to_a_picture(served, tmp_path, capsys):
    """The README's path; with no server installed, the model is called in its place.

    The request is the one that the example client sends, parsed from its JSON; what
    stands in for the server is TensorFlow's own loader, in this process.
    """
    (tmp_path / "run").mkdir()
    served.model.save(tmp_path / "run" / "model.keras")
    out = tmp_path / "export" / "1"
    assert main([f"--workdir={tmp_path / 'run'}", f"--out={out}"]) == 0
    assert str(out) in capsys.readouterr().out
    config = (tmp_path / "export" / "models.config").read_text()
    assert 'base_path: "/models/genesis"' in config
    assert main([f"--workdir={tmp_path / 'run'}", f"--out={out}"]) == 1
    assert "there is already something at" in capsys.readouterr().err

    client = load_example("segment_rest")
    photo = tmp_path / "photo.png"
    Image.effect_noise((60, 50), 80).convert("RGB").save(photo)
    body = client.request_body(photo, ["encoded_images", *client.DEFAULTS])
    without = json.loads(client.request_body(photo, ["encoded_images", "seed"]))
    assert without["inputs"].keys() == {"encoded_images", "seed"}
    server = shutil.which("tensorflow_model_server")
    outputs = post(server, out.parent, body) if server else call_in_process(out, body)
    client.draw(outputs["label_map"][0], tmp_path / "segmentation.png", scale=2)
    picture = np.asarray(Image.open(tmp_path / "segmentation.png"))[::2, ::2]
    label_map = np.array(outputs["label_map"][0])
    assert picture.shape == (32, 32, 3)
    np.testing.assert_array_equal(picture, client.COLOURS[label_map])


def test_command_line_says_what_is_wrong(tmp_path, capsys):
    assert main([f"--workdir={tmp_path}", f"--out={tmp_path / 'latest'}"]) == 1
    assert "out must end in the number of a version" in capsys.readouterr().err
    assert main([f"--workdir={tmp_path}", f"--out={tmp_path / '1'}"]) == 1
    assert "there is no model file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_grpc_with_a_server(served):
    server = shutil.which("tensorflow_model_server")
    if server is None:
        pytest.skip("no tensorflow_model_server on the PATH")
    pytest.importorskip("tensorflow_serving")
    sys.path.insert(0, str(EXAMPLES))
    client = load_example("segment_grpc")
    grpc, services = client.grpc, client.prediction_service_pb2_grpc
    with running(server, served.folder.parent) as (port, _):
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            stub = services.PredictionServiceStub(channel)
            request = client.make_request(EXAMPLES / "scene.png")
            response = stub.Predict(request, timeout=30, wait_for_ready=True)
    assert tf.make_ndarray(response.outputs["label_map"]).shape == (1, 32, 32)


def test_without_a_server_the_example_says_how_to_start_one(tmp_path):
    words = [EXAMPLES / "scene.png", tmp_path / "out.png", "--url=http://localhost:9/x"]
    result = subprocess.run(
        [sys.executable, EXAMPLES / "segment_rest.py", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "error: no server at http://localhost:9/x" in result.stderr
    assert "docker run" in result.stderr


def test_the_picture_of_the_examples_is_of_a_scene():
    picture = Image.open(EXAMPLES / "scene.png")
    assert (picture.size, picture.mode) == ((32, 32), "RGB")
    assert len(picture.getcolors()) >= 3  # background and at least two objects


def load_example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call_in_process(folder, body):
    request = json.loads(body)
    function = tf.saved_model.load(str(folder)).signatures[request["signature_name"]]
    content = base64.b64decode(request["inputs"]["encoded_images"][0]["b64"])
    outputs = function(
        encoded_images=tf.constant([content]),
        seed=tf.constant(request["inputs"]["seed"]),
        min_mask_pixels=tf.constant(request["inputs"]["min_mask_pixels"]),
    )
    return {key: value.numpy().tolist() for key, value in outputs.items()}


class running:
    """A `tensorflow_model_server` for as long as the context lasts."""

    def __init__(self, server, base):
        self.command = [server, "--model_name=genesis", f"--model_base_path={base}"]

    def __enter__(self):
        ports = []
        for _ in range(2):
            with socket.socket() as probe:
                probe.bind(("localhost", 0))
                ports.append(probe.getsockname()[1])
        options = [f"--port={ports[0]}", f"--rest_api_port={ports[1]}"]
        self.process = subprocess.Popen([*self.command, *options])
        return ports

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def post(server, base, body):
    with running(server, base) as (_, port):
        url = f"http://localhost:{port}/v1/models/genesis:predict"
        for _ in range(60):
            try:
                with urllib.request.urlopen(url, body) as response:
                    return json.load(response)["outputs"]
            except urllib.error.URLError:
                time.sleep(1)
    raise AssertionError("the server did not answer")
