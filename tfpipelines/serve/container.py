"""Files for a container beside an export: Dockerfile, .dockerignore, and a manifest for KServe."""

import json
import re
from pathlib import Path

from .. import __version__
from ..core.files import atomic_write
from ..errors import ConfigError
from .sources import Source, is_export, read_manifest

RUNTIMES = {"onnx": "onnxruntime", "litert": "ai-edge-litert"}
# What serving an export needs, and no more: TensorFlow and Keras are not loaded. Module -> package.
PACKAGES = {
    "PIL": "pillow", "click": "click", "dateutil": "python-dateutil", "httptools": "httptools", "jinja2": "jinja2",
    "lazy_loader": "lazy-loader", "numpy": "numpy", "pandas": "pandas", "prometheus_client": "prometheus-client",
    "psutil": "psutil", "pydantic": "pydantic", "python_multipart": "python-multipart", "rich": "rich",
    "uvicorn": "uvicorn", "uvloop": "uvloop", "yaml": "pyyaml",
}  # fmt: skip
_TOKEN = "/run/secrets/tfpipe-token/token"
_DOCKERFILE = """\
# Serves {name} by {runtime}, as a user without rights.
#   docker build -t {image} .
#   docker run --rm -p 127.0.0.1:8000:8000 --read-only --tmpfs /tmp --cap-drop ALL \\
#       --security-opt no-new-privileges -v "$PWD/token:{token}:ro" {image}
# `token` is a file with 16 characters or more. Names of the server beside addresses: add --allow-host NAME.
FROM python:3.12-slim
# a file name of a wheel, put beside this file, is taken as well
ARG TFPIPELINES=tfpipelines=={version}
RUN --mount=type=bind,target=/context cd /context \\
 && pip install --no-cache-dir {packages} \\
 && pip install --no-cache-dir --no-deps "$TFPIPELINES"
COPY --chown=root:root . /model
USER 10001:10001
ENV PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD \\
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["tfpipe", "serve", "/model", "--host", "0.0.0.0", "--token-file", "{token}"]
"""
_KSERVE = """\
# kubectl create secret generic {name}-token --from-file=token && kubectl apply -f kserve.yaml
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: "{name}"
spec:
  predictor:
    containers:
      - name: kserve-container
        image: "{image}"
        args: ["--allow-host", "{name}.default.example.com"]  # the name of the address in the cluster
        ports: [{{containerPort: 8000, protocol: TCP}}]
        readinessProbe: {{httpGet: {{path: /v2/health/ready, port: 8000}}, periodSeconds: 2}}
        livenessProbe: {{httpGet: {{path: /v2/health/live, port: 8000}}, periodSeconds: 10}}
        securityContext:
          runAsNonRoot: true
          runAsUser: 10001
          readOnlyRootFilesystem: true
          allowPrivilegeEscalation: false
          capabilities: {{drop: [ALL]}}
        volumeMounts:
          - {{name: tmp, mountPath: /tmp}}
          - {{name: token, mountPath: {folder}, readOnly: true}}
    volumes:
      - name: tmp
        emptyDir: {{}}
      - name: token
        secret: {{secretName: "{name}-token"}}
"""


def write_container_files(source: Source) -> list[Path]:
    """Writes them into the folder of the numbered exports, which becomes the image's.

    Args:
        source: of an export in such a folder.

    Returns:
        What has been written.

    Raises:
        ConfigError: if it is no such export, or one of the files is there already.
    """
    parent = source.path.resolve().parent
    if not is_export(source.path) or not source.path.resolve().name.isdecimal():
        cause = f"--dockerfile is for the numbered folders of exports, and {source.path} is none."
        raise ConfigError(cause, "Export the run first: tfpipe export RUN --format onnx")
    manifest = read_manifest(source.path)
    if (runtime := RUNTIMES.get(manifest["format"])) is None:
        cause = f"Exports as {manifest['format']} are not served by tfpipe."
        raise ConfigError(cause, f"Allowed: {', '.join(RUNTIMES)}.")
    name = re.sub("[^a-z0-9]+", "-", source.name.lower()).strip("-")[:50] or "model"
    image, packages = f"{name}:{source.version}", " ".join([runtime, *sorted(PACKAGES.values())])
    shown = json.dumps(source.name)
    contents = {
        "Dockerfile": _DOCKERFILE.format(
            name=shown, runtime=runtime, image=image, token=_TOKEN, version=__version__, packages=packages
        ),
        ".dockerignore": "Dockerfile\n.dockerignore\nkserve.yaml\ntoken\n",
        "kserve.yaml": _KSERVE.format(name=name, image=image, folder=_TOKEN.rpartition("/")[0]),
    }
    paths = [parent / file for file in contents]
    if there := [path for path in paths if path.exists()]:
        raise ConfigError(f"{there[0]} is there already.", "Move it away first.")
    for path, content in zip(paths, contents.values()):
        atomic_write(path, content)
    return paths
