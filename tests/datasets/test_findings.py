"""What data.on_bad decides on."""

import numpy as np
import pytest

from tfpipelines.datasets.findings import Findings
from tfpipelines.errors import DataError


def told(on_bad, splits, bad, findings=None, code="unreadable"):
    """The findings after rows at the places `bad` are reported as unusable."""
    findings = Findings() if findings is None else findings
    mask = np.isin(np.arange(len(splits)), bad)
    findings.bad(
        code, on_bad, f"{mask.sum()} rows of {code}", "Repair them.", [f"row {row}" for row in bad], splits, mask
    )
    return findings


def severities(findings):
    return [entry.severity for entry in findings.entries]


@pytest.mark.parametrize(("bad", "severity"), [([5], "warning"), ([5, 6], "warning"), ([5, 6, 7], "error")])
def test_auto_leaves_out_one_percent(bad, severity):
    findings = told("auto", [None] * 200, bad)
    (entry,) = findings.entries
    assert entry.severity == severity and entry.items == tuple(f"row {row}" for row in bad)
    if severity == "error":
        with pytest.raises(DataError, match="3 rows of unreadable") as caught:
            findings.raise_errors()
        assert "data.on_bad=skip; the default leaves out at most 1% of a split" in caught.value.remedy
    else:
        assert entry.message.endswith("; left out")


def test_auto_counts_each_split_by_itself():
    splits = ["train"] * 1000 + ["test"] * 100
    assert severities(told("auto", splits, [1000])) == ["warning"]
    assert severities(told("auto", splits, [1000, 1001])) == ["error"]
    assert severities(told("auto", splits, list(range(10)))) == ["warning"]


def test_all_reasons_count_together_whatever_list_they_are_in():
    findings, later = told("auto", [None] * 200, [0]), Findings()
    later.add("no_test", "note", "There is no test split")
    later.extend(findings)
    told("auto", [None] * 199, [0], later.copy(), "empty_text")
    assert severities(later) == ["note", "warning"]  # a copy is another list
    told("auto", [None] * 199, [0], later, "empty_text")
    assert severities(later) == ["note", "warning", "warning"]
    told("auto", [None] * 198, [3], later, "unknown_text")
    assert severities(later) == ["note", "error", "error", "error"]


@pytest.mark.parametrize(("on_bad", "severity"), [("error", "error"), ("skip", "warning")])
def test_error_and_skip_ask_for_no_share(on_bad, severity):
    assert severities(told(on_bad, [None] * 1000, [0])) == [severity]
    assert severities(told(on_bad, [None] * 4, [0, 1, 2])) == [severity]
