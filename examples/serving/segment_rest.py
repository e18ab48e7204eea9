"""Asks TensorFlow Serving to segment an image file, by REST; needs NumPy and Pillow.

python segment_rest.py scene.png segmentation.png

scene.png is one of the test images of the embedded data set (`sprites/easy`).
"""

import argparse
import base64
import json
import pathlib
import sys
import urllib.error
import urllib.request

try:
    import numpy as np
    from PIL import Image
except ModuleNotFoundError as missing:
    sys.exit(f"error: {missing}; install it with: pip install numpy pillow")

HOW_TO_START = (
    "start it with: docker run -p 8500:8500 -p 8501:8501 "
    "-v $PWD/export:/models/genesis -e MODEL_NAME=genesis tensorflow/serving"
)

COLOURS = np.random.default_rng(3).integers(40, 256, [64, 3], dtype=np.uint8)


SIGNATURE = "segment_png"
# REST has no default values. Only models with flexible slots have the last input.
DEFAULTS = {"seed": 0, "min_mask_pixels": 0.0}


def input_names(url):
    """Returns the names of the inputs that the server's model takes."""
    metadata = url.removesuffix(":predict") + "/metadata"
    with urllib.request.urlopen(metadata, timeout=30) as response:
        found = json.load(response)["metadata"]["signature_def"]["signature_def"]
    return found[SIGNATURE]["inputs"].keys()


def request_body(path, names):
    """Returns the JSON of a request for one picture with the named inputs."""
    content = base64.b64encode(pathlib.Path(path).read_bytes()).decode()
    inputs = {key: value for key, value in DEFAULTS.items() if key in names}
    inputs["encoded_images"] = [{"b64": content}]
    return json.dumps({"signature_name": SIGNATURE, "inputs": inputs}).encode()


def draw(label_map, path, scale=8):
    """Writes a picture with one colour for each slot."""
    picture = Image.fromarray(COLOURS[np.asarray(label_map)])
    size = (picture.width * scale, picture.height * scale)
    picture.resize(size, Image.Resampling.NEAREST).save(path)


def main():
    """Sends the request and draws the response."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image")
    parser.add_argument("picture")
    parser.add_argument(
        "--url", default="http://localhost:8501/v1/models/genesis:predict"
    )
    options = parser.parse_args()
    try:
        body = request_body(options.image, input_names(options.url))
        request = urllib.request.Request(options.url, body)
        with urllib.request.urlopen(request, timeout=30) as response:
            outputs = json.load(response)["outputs"]
    except urllib.error.HTTPError as error:
        sys.exit(f"error: the server answered {error.code}: {error.read().decode()}")
    except urllib.error.URLError as error:
        sys.exit(f"error: no server at {options.url} ({error.reason}); {HOW_TO_START}")
    except OSError as error:
        sys.exit(f"error: {error}")
    draw(outputs["label_map"][0], options.picture)
    print(f"{outputs['num_slots'][0]} slots, picture in {options.picture}")


if __name__ == "__main__":
    main()
