"""An export behind LitServe, with its batching; see serve.py.

python benchmarks/peers/litserve_images.py EXPORT PORT     # needs litserve, onnxruntime, pillow
"""

import base64
import io
import json
import sys
from pathlib import Path

import litserve
import numpy as np
import onnxruntime
from PIL import Image

folder = Path(sys.argv[1])
manifest = json.loads((folder / "manifest.json").read_text())
steps = manifest["serving"]


class Model(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)

    def decode_request(self, request):
        image = Image.open(io.BytesIO(base64.b64decode(request["image"])))
        height, width = steps["size"]
        image = image.convert("RGB" if steps["channels"] == 3 else "L").resize((width, height), Image.BILINEAR)
        return np.asarray(image).reshape(height, width, steps["channels"])

    def batch(self, inputs):
        return np.stack(inputs)

    def predict(self, levels):
        return self.session.run(["probabilities"], {"image": levels})[0]

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return {"predicted": manifest["classes"][int(output.argmax())], "scores": output.tolist()}


if __name__ == "__main__":
    api = Model(max_batch_size=16, batch_timeout=0.005, api_path="/v1/predict")
    server = litserve.LitServer(api, accelerator="cpu", healthcheck_path="/readyz")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="error", generate_client_file=False)
