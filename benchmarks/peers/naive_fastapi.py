"""What one writes at first to serve an export: FastAPI and ONNX Runtime, an image at a time, no limits; see serve.py.

python benchmarks/peers/naive_fastapi.py EXPORT PORT     # needs fastapi, uvicorn, onnxruntime, pillow
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request
from PIL import Image

folder = Path(sys.argv[1])
manifest = json.loads((folder / "manifest.json").read_text())
steps = manifest["serving"]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
app = FastAPI()


@app.get("/readyz")
def ready():
    return {}


@app.post("/v1/predict")
async def predict(request: Request):
    image = Image.open(io.BytesIO(await request.body())).convert("RGB" if steps["channels"] == 3 else "L")
    height, width = steps["size"]
    levels = np.asarray(image.resize((width, height), Image.BILINEAR)).reshape(1, height, width, steps["channels"])
    (scores,) = session.run(["probabilities"], {"image": levels})
    return {"predicted": manifest["classes"][int(scores[0].argmax())], "scores": scores[0].tolist()}


uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
