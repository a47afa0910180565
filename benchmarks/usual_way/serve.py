"""The usual way to serve im2txt: a TensorFlow session behind Flask's own server.

    PORT=5000 python -m benchmarks.usual_way.serve GRAPH

It takes the same request as Kantu and answers in the same form, so that one client asks both.
Copies of im2txt's example mostly write the photo to the disk first; this one spares itself that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from flask import Flask, Response, jsonify, request

from benchmarks import stages
from benchmarks.stages import timed
from benchmarks.usual_way import beam

VOCABULARY = ["<S>", "</S>", *(f"word{number}" for number in range(11_998))]
START, END = 0, 1


class Model:
    """The calls of im2txt's inference_wrapper.py. Its one run from JPEG to state is two here, to
    tell decoding from the CNN; what is handed over is 1 MB."""

    def __init__(self, graph: Path):
        definition = tf.compat.v1.GraphDef()
        definition.ParseFromString(graph.read_bytes())
        with tf.Graph().as_default() as loaded:
            tf.import_graph_def(definition, name="")
        self.session = tf.compat.v1.Session(graph=loaded)

    def decode(self, photo: bytes) -> np.ndarray:
        return self.session.run("image:0", {"image_feed:0": photo})

    def encode(self, image: np.ndarray) -> np.ndarray:
        return self.session.run("initial_state:0", {"image:0": image})

    def step(self, words: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.session.run(
            ["chances:0", "next_state:0"], {"input_feed:0": words, "state_feed:0": states}
        )


def create_app(model: Model) -> Flask:
    app = Flask(__name__)
    stages.init_app(app)
    decode = timed("decode", model.decode)
    encode = timed("encode", model.encode)
    search = timed("beam", beam.search)

    @app.post("/api/v1/captions")
    def captions() -> Response:
        image = decode(request.files["photo"].read())
        (initial_state,) = encode(image)
        best, *_ = search(initial_state, model.step, START, END)
        text = " ".join(VOCABULARY[word] for word in best.sentence[1:])
        return jsonify(photos=[{"captions": [{"language": "en", "text": text}]}])

    @app.get("/readyz")
    def ready() -> Response:
        return jsonify(status="ready")

    return app


if __name__ == "__main__":
    create_app(Model(Path(sys.argv[1]))).run(port=int(os.environ["PORT"]))
