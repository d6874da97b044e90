"""An export behind BentoML, with its batching; see serve.py.

python benchmarks/peers/bentoml_images.py EXPORT PORT     # needs bentoml, onnxruntime, pillow
"""

import base64
import io
import json
import os
import sys
from pathlib import Path

import bentoml
import numpy as np
import onnxruntime
from PIL import Image

FOLDER = "SERVED_EXPORT"  # variable of the environment


@bentoml.service(workers=1)
class Model:
    def __init__(self):
        folder = Path(os.environ[FOLDER])
        self.manifest = json.loads((folder / "manifest.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)

    def decoded(self, content: str) -> np.ndarray:
        steps = self.manifest["serving"]
        height, width = steps["size"]
        image = Image.open(io.BytesIO(base64.b64decode(content)))
        image = image.convert("RGB" if steps["channels"] == 3 else "L").resize((width, height), Image.BILINEAR)
        return np.asarray(image).reshape(height, width, steps["channels"])

    @bentoml.api(route="/v1/predict", batchable=True, max_batch_size=16, max_latency_ms=60_000)
    def predict(self, images: list[str]) -> list[dict]:
        levels = np.stack([self.decoded(image) for image in images])
        (scores,) = self.session.run(["probabilities"], {"image": levels})
        classes = self.manifest["classes"]
        return [{"predicted": classes[int(one.argmax())], "scores": one.tolist()} for one in scores]


if __name__ == "__main__":
    here = Path(__file__).resolve()
    os.environ[FOLDER] = str(Path(sys.argv[1]).resolve())
    command = [sys.executable, "-m", "bentoml", "serve", f"{here.stem}:Model", "--working-dir", str(here.parent)]
    os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", sys.argv[2]])
