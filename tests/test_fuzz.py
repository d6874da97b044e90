"""Run folders of which one file is damaged at random: no command has a bug (FAULTS 26, 37, 39). `benchmarks/fuzz.py`
tries as many as one likes, with the commands that take long, too.
"""

import time
from collections import Counter

import pytest

from tfpipelines.reporting.compare import comparison

from . import fuzzing

LONG = ("check", "evaluate", "run --from", "export", "surface", "resume", "detector: recalibrate", "texts: predict")
QUICK = {name: verb for name, verb in fuzzing.VERBS.items() if name not in LONG}  # the others train or measure


@pytest.mark.eager
@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_commands_on_damaged_run_folders(tmp_path, count, monkeypatch):
    monkeypatch.setattr(comparison, "RESAMPLES", 50)
    home, began = fuzzing.Home(tmp_path), time.process_time()
    outcomes = [home.attempt(count, number, QUICK) for number in range(count)]
    assert not [outcome for outcome in outcomes if outcome.bugs]
    codes = Counter(outcome.code for outcome in outcomes)
    assert codes[0] > count / 4 and codes[7] > count / 40 and codes[2]  # they are tried, and not only tolerated
    assert time.process_time() - began < 30 * count / 200


def test_mutants_are_what_their_numbers_say(tmp_path):
    home = fuzzing.Home(tmp_path)
    verbs = {"list": fuzzing.VERBS["list"]}
    told = [[home.attempt(0, number, verbs)[:5] for number in range(5)] for _ in range(2)]
    assert told[0] == told[1]
