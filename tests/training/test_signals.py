"""Signals: who hears of them, and when they raise."""

import os
import signal

import pytest

from tfpipelines.errors import Interrupted
from tfpipelines.training.signals import StopSignals


def test_a_signal_that_is_held_back_is_told_at_once():
    told = []
    with StopSignals() as stop, stop.hold():
        stop.on_first = lambda: told.append(stop.received)
        os.kill(os.getpid(), signal.SIGINT)
        assert told == [signal.SIGINT]
        with pytest.raises(Interrupted, match="SIGINT"):
            os.kill(os.getpid(), signal.SIGINT)  # the second stops at once
        assert told == [signal.SIGINT]


def test_a_signal_raises_where_nothing_has_to_be_saved():
    told = []
    with StopSignals() as stop, stop.hold():
        stop.on_first = lambda: told.append(stop.received)
        with pytest.raises(Interrupted, match="SIGTERM"), stop.released():
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.deferred and not told
        with pytest.raises(Interrupted, match="SIGTERM"), stop.released():  # one that came before
            told.append("inside")
        assert not told
