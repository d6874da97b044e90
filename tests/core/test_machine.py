"""What the machine tells of itself."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import tfpipelines
from tfpipelines.core.machine import choose_deterministic_kernels, memory_is_gone

from ..conftest import ROOT

LIMITED = """
import resource
import psutil
from tfpipelines.core.machine import memory_is_gone
assert not memory_is_gone()
resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2**20, resource.RLIM_INFINITY))
assert memory_is_gone()
"""


def test_a_limit_of_memory_is_noticed():
    assert not memory_is_gone()
    subprocess.run([sys.executable, "-c", LIMITED], cwd=ROOT, check=True)


FLAG = "--xla_gpu_deterministic_ops=true"


def test_deterministic_kernels_are_asked_for_once_and_beside_other_flags(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_max_hlo_modules=1")
    choose_deterministic_kernels()
    choose_deterministic_kernels()
    assert os.environ["XLA_FLAGS"] == f"--xla_dump_max_hlo_modules=1 {FLAG}"


@pytest.mark.parametrize(("begun", "platform", "late"), [(True, "gpu", True), (True, "cpu", False), (False, "", False)])
def test_what_jax_has_chosen_already_is_not_changed(begun, platform, late, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    bridge = SimpleNamespace(backends_are_initialized=lambda: begun)
    monkeypatch.setitem(sys.modules, "jax._src.xla_bridge", bridge)
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(default_backend=lambda: platform))
    if late:
        with pytest.raises(tfpipelines.errors.ConfigError, match="already") as error:
            choose_deterministic_kernels()
        assert FLAG in error.value.remedy and FLAG not in os.environ["XLA_FLAGS"]
    else:
        choose_deterministic_kernels()
        assert os.environ["XLA_FLAGS"] == FLAG


DETERMINISTIC = f"""
import os
import jax
from jax._src import xla_bridge
import tfpipelines
from tests.conftest import TINY
class Watch(tfpipelines.Observer):
    def started(self, folder, pipeline):
        self.seen = ("{FLAG}" in os.environ["XLA_FLAGS"], xla_bridge.backends_are_initialized())
watch = Watch()
tfpipelines.run("{ROOT}/pipelines/image-cls.yaml", [*TINY, "data.limit=32", "train.deterministic=true"], observer=watch)
assert watch.seen == (True, False), watch.seen
assert xla_bridge.backends_are_initialized()
"""


@pytest.mark.slow
def test_a_run_on_jax_asks_before_jax_begins(tmp_path):
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", DETERMINISTIC], cwd=tmp_path, env=environment, check=True)
