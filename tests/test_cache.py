"""What lies in the cache is listed, and removed where it is old."""

import json
import os
import time

import pytest

from tfpipelines.core import cache
from tfpipelines.core.files import TEMPORARY
from tfpipelines.core.machine import cache_folder


@pytest.fixture
def filled():
    """A cache of four entries: name -> days since it was used."""
    ages = {"images/a.npy": 40, "images/a.json": 40, "features/b.npz": 3, "unpacked/c.zip-1/d/e.png": 10}
    ages |= {f"unpacked/{TEMPORARY}x/f.png": 2}
    for name, days in ages.items():
        path = cache_folder() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000 * days))
        os.utime(path, (time.time() - 86_400 * days,) * 2)
    (cache_folder() / "other.txt").write_text("not of the cache")


def test_everything_is_listed_and_what_is_old_removed(filled, tfpipe):
    result = tfpipe("cache", "--json")
    told = json.loads(result.out)
    assert result.code == 0 and told["bytes"] == 95_000 and told["folder"] == str(cache_folder())
    found = {(entry["kind"], entry["name"], entry["bytes"], entry["left"]) for entry in told["entries"]}
    assert found == {
        ("images", "a", 80_000, False),
        ("features", "b", 3_000, False),
        ("unpacked", "c.zip-1", 10_000, False),
        ("unpacked", f"{TEMPORARY}x", 2_000, True),
    }
    result = tfpipe("cache", "--prune")  # what is older than 30 days, and what was left for a day
    assert result.code == 0 and "2 entries, 82.0 kB, removed from" in result.out and "left by a killed" in result.out
    assert {entry.name for entry in cache.list_cache()} == {"b", "c.zip-1"}
    assert {entry.name for entry in cache.prune_cache(5)} == {"c.zip-1"}
    assert tfpipe("cache", "--prune", "--older-than", "0").code == 0 and not cache.list_cache()
    assert (cache_folder() / "other.txt").is_file()


def test_an_empty_cache_and_wrong_words(tfpipe):
    result = tfpipe("cache")
    assert result.code == 0 and "0 entries, 0 bytes, in" in result.out
    assert tfpipe("cache", "--older-than", "3").code == 2 and tfpipe("cache", "--prune", "--older-than", "-1").code == 2
