"""Predictions for many files on a Ray cluster: the parts of one machine, whatever is lost."""

import pytest

from tfpipelines import predict_files

from ..conftest import write_photos
from .test_predict_files import Seen

pytest.importorskip("ray", reason="ray is not installed: pip install 'tfpipelines[ray]'")
pytestmark = pytest.mark.slow


class Loser(Seen):
    """Takes a node away once the first part is there."""

    def __init__(self, nodes, folder):
        super().__init__()
        self.nodes, self.folder, self.left = nodes, folder, 1
        self.warnings = []

    def warning(self, text):
        self.warnings.append(text)

    def look(self):
        if self.left and any(self.folder.glob("part-*")):
            self.left = 0
            self.nodes.lose()


def test_parts_are_those_of_one_machine_though_a_node_is_lost(trained, digits, driver, tmp_path, monkeypatch):
    from tfpipelines.tuning.actors import Actors

    photos = write_photos(tmp_path / "many", digits, {str(digit): digit for digit in range(10)}, 60)
    here = predict_files(trained, photos, tmp_path / "here", block_size=128)
    loser, real = Loser(driver, tmp_path / "there"), Actors.messages

    def messages(self, seconds):
        loser.look()
        return real(self, min(seconds, 0.05))

    monkeypatch.setattr(Actors, "messages", messages)
    there = predict_files(trained, photos, tmp_path / "there", block_size=128, cluster="auto", observer=loser)
    assert loser.left == 0 and (there.count, there.bad, len(there.parts)) == (600, 0, 5)
    assert any("1 node, room for 1 block at a time" in note for note in loser.notes)
    assert any("it is tried again" in text for text in loser.warnings)
    assert [part.read_bytes() for part in there.parts] == [part.read_bytes() for part in here.parts]
    assert not list((tmp_path / "there").glob(".tmp-*"))
