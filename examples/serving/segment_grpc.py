"""Asks TensorFlow Serving to segment an image file, by gRPC.

    python segment_grpc.py scene.png segmentation.png

Install the requirements with: pip install tensorflow-serving-api pillow
"""

import argparse
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
try:
    import grpc
    import tensorflow as tf
    from segment_rest import HOW_TO_START, draw
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
except ModuleNotFoundError as missing:
    sys.exit(
        f"error: {missing}; install it with: pip install tensorflow-serving-api pillow"
    )


def make_request(path):
    """Returns a PredictRequest; `seed` and `min_mask_pixels` have defaults."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "genesis"
    request.model_spec.signature_name = "segment_png"
    content = tf.make_tensor_proto([pathlib.Path(path).read_bytes()])
    request.inputs["encoded_images"].CopyFrom(content)
    return request


def main():
    """Sends the request and draws the response."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image")
    parser.add_argument("picture")
    parser.add_argument("--server", default="localhost:8500")
    options = parser.parse_args()
    try:
        request = make_request(options.image)
        with grpc.insecure_channel(options.server) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            response = stub.Predict(request, timeout=30)
    except OSError as error:
        sys.exit(f"error: {error}")
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            sys.exit(f"error: no server at {options.server}; {HOW_TO_START}")
        sys.exit(f"error: the server answered {error.code().name}: {error.details()}")
    label_map = tf.make_ndarray(response.outputs["label_map"])[0]
    draw(label_map, options.picture)
    num_slots = tf.make_ndarray(response.outputs["num_slots"])[0]
    print(f"{num_slots} slots, picture in {options.picture}")


if __name__ == "__main__":
    main()
