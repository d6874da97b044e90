"""What the machine tells of itself."""

import subprocess
import sys

from tfpipelines.core.machine import memory_is_gone

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
