"""The whole repository is formatted by ruff and passes its rules (ruff.toml)."""

import subprocess
import sys

import pytest

from .conftest import ROOT


@pytest.mark.parametrize("words", [["check"], ["format", "--check", "--diff"]], ids=["rules", "format"])
def test_ruff_has_nothing_to_say(words):
    pytest.importorskip("ruff")
    command = [sys.executable, "-m", "ruff", *words, "--no-cache", str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
