"""Results as tables on stdout."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rich.table
from rich.console import Console
from rich.text import Text

from ..core.splits import SPLITS
from ..core.text_tables import Column, Table, figures_table
from ..core.words import counted, distinct, duration, extremes, fixed, megabytes, plain_lines, plain_text, value
from ..errors import shortened
from ..metrics import main_figure, product_figures

_PLAIN_WIDTH = 140  # of tables that go to a file or a pipe
_CLASSES_SHOWN = 20
_BY_CLASS = ("precision", "recall", "f1")  # of a classifier
_BY_LABEL = ("alarms", "roc_auc")  # of a detector


def print_metrics(metrics: dict[str, Any]) -> None:
    """The result table on stdout: metrics with intervals, or with mean and spread over folds, then classes."""
    spread = metrics.get("spread", {})
    splits = [Column(split, metrics[split], spread.get(split, {})) for split in SPLITS if split in metrics]
    print_table(figures_table("metric", splits, metrics.get("intervals", {}), metrics.get("baselines", {}), fixed))
    classes = metrics.get("per_class", {})
    if classes:
        columns = _BY_CLASS if all("f1" in row for row in classes.values()) else _BY_LABEL
        worst = sorted(classes.items(), key=lambda entry: entry[1].get(columns[-1], 2.0))[:_CLASSES_SHOWN]
        rows = [
            [name, *(f"{row[key]:.3f}" if key in row else "" for key in columns), str(row["support"])]
            for name, row in (worst if len(classes) > _CLASSES_SHOWN else classes.items())
        ]
        print_table(Table("classes", ["class", *(name.replace("_", " ") for name in columns), "samples"], rows))
        if len(classes) > _CLASSES_SHOWN:
            all_of = f"out of {len(classes)}; all are in metrics.json"
            print_lines([f"the {_CLASSES_SHOWN} classes with the lowest {columns[-1]} {all_of}"])
    if metrics.get("groups"):
        print_table(_groups_table(metrics["groups"]))
    print_candidates(metrics.get("candidates", []))
    print_lines(metrics.get("about", ()))


def _groups_table(groups: list[dict[str, Any]]) -> Table:
    """The groups of a detector, each with its threshold and its share of false alarms."""
    rows = []
    for row in groups:
        own = "" if row["own"] else "the common one"
        expected = extremes(row["expected"]) if row.get("expected") else ""
        name, normal = row["group"] or "(none)", str(row["normal"])
        rows.append([name, f"{row['threshold']:.6g}", own, normal, fixed(row.get("false_alarm_rate")), expected])
    headings = ["group", "threshold", "", "normal samples", "false_alarm_rate", "expected (95%)"]
    return Table("groups", headings, rows)


def print_candidates(candidates: list[dict[str, Any]]) -> None:
    """The networks among which one was chosen, on stdout."""
    names = list(dict.fromkeys(name for entry in candidates for name in entry["validation"]))
    if not candidates:
        return
    main = main_figure(names) if names else ""
    rows = []
    for entry, own in zip(candidates, distinct([entry["fields"] for entry in candidates])):
        state = "chosen" if entry["chosen"] else f"failed: {entry['reason']}" if entry["state"] == "failed" else ""
        rows.append(
            [entry["name"], _settings(own), fixed(entry["validation"].get(main)), f"{entry['parameters']:,}", state]
        )
    print_table(Table("candidates", ["candidate", "fields", f"validation {main}", "parameters", ""], rows))


def trial_line(facts: dict[str, Any]) -> str:
    """One trial in one line."""
    values = _settings(facts["values"])
    ends = {"failed": "failed: {}", "pruned": "pruned: {}", "cut": "cut short: {}"}
    end = ends[facts["status"]].format(facts["reason"]) if facts["status"] in ends else ""
    score = f"{facts['metric']} {fixed(facts['score'])}" if facts["score"] is not None else ""
    best = f"best {fixed(facts['best'])} (trial {facts['best_trial']})" if facts["best"] is not None else ""
    left = f"about {duration(facts['left'])} left" if facts["left"] else ""
    parent = f"goes on from trial {facts['parent']}" if facts["parent"] else ""
    work = f"{counted(facts['epochs'], 'epoch')} {facts['seconds']:.1f} s" if facts["seconds"] else ""
    told = "  ".join(part for part in (score, work, parent, values, end, best, left) if part)
    return f"trial {facts['number']:>3}/{facts['trials']}  {told}"


def _settings(values: dict[str, Any]) -> str:
    return "  ".join(f"{path}={value(entry, ',')}" for path, entry in values.items())


def print_search(metrics: dict[str, Any]) -> None:
    """What a search has found, on stdout: its best trial beside the mean and range of the final runs over seeds."""
    out, found = console_of(sys.stdout), metrics["search"]
    seeds = f"{'seed' if len(metrics['seeds']) == 1 else 'seeds'} {', '.join(map(str, metrics['seeds']))}"
    columns = [Column(f"search: trial {found['trial']}, validation", metrics["best_trial"], {})]
    for split in SPLITS[1:]:
        if split in metrics:
            means = {name: spread["mean"] for name, spread in metrics[split].items()}
            columns.append(Column(f"{split}, {seeds}", means, metrics[split] if len(metrics["seeds"]) > 1 else {}))
    print_table(figures_table("metric", columns, {}, {}, fixed))
    counts = ", ".join(f"{count} {status}" for status, count in found["trials"].items())
    trials = f"{counted(sum(found['trials'].values()), 'trial')} ({counts})"
    out.print(f"{trials}, {counted(found['epochs'], 'epoch')}; ended by: {found['ended_by']}")
    out.print(f"best: {plain_text(_settings(found['values']))}")
    print_lines(metrics.get("about", ()))


def print_products(metrics: dict[str, Any]) -> None:
    """The table over the products of a run, on stdout: each with its test metrics, then their mean."""
    rows, means = metrics["products"], metrics.get("test", {})
    names = product_figures(rows)
    shown = [
        [row["product"], row["state"], row["network"], *(fixed(row["test"].get(name)) for name in names)]
        + [duration(row["seconds"]) if row["state"] == "done" else ""]
        for row in rows
    ]
    shown.append(["mean", "", "", *(fixed(means.get(name)) for name in names), ""])
    print_table(Table("products", ["product", "state", "network", *names, "time"], shown))
    print_lines(f"{row['product']}: {row['reason']}" for row in rows if row["reason"])
    print_lines(metrics["about"])


def print_export(place: Path, manifest: dict[str, Any], call: list[str]) -> None:
    """What has been exported and how it was proven, on stdout.

    Args:
        place: its folder.
        call: lines of Python that call it.
    """
    out, proof = console_of(sys.stdout), manifest["proof"]
    kind = f", {manifest['quantize']}" if manifest["quantize"] else ""
    table = rich.table.Table("", manifest["format"] + kind, show_header=True)
    for tensor in manifest["signature"]["inputs"]:
        shape = ", ".join("any" if size is None else str(size) for size in tensor["shape"])
        table.add_row(f"input {tensor['name']}", f"{tensor['dtype']} ({shape})")
    for tensor in manifest["signature"]["outputs"]:
        table.add_row(f"output {tensor['name']}", plain_text(tensor["meaning"]))
    table.add_section()
    lost = f", {proof['missing']} more are missing" if proof["missing"] else ""
    speed = f"{proof['milliseconds_per_sample']:.3g} ms each"
    table.add_row("replayed", f"{counted(proof['samples'], proof['of'])}{lost}; one at a time: {speed}")
    table.add_row("differences", f"largest {proof['largest_difference']:.2g}, mean {proof['mean_difference']:.2g}")
    if "flips" in proof:
        ties = f" ({proof['ties']} near-ties within the tolerance not counted)" if proof["ties"] else ""
        table.add_row("flipped answers", f"{proof['flips']}{ties}")
    if manifest["quantize"] and "accuracy" in proof:
        change = f"{fixed(proof['accuracy_before'])} before, {fixed(proof['accuracy'])} now: a loss of"
        loss = f"{fixed(proof['accuracy_loss'])} (95%: {extremes(proof['accuracy_loss_interval'])})"
        table.add_row("accuracy", f"{change} {loss}, by {counted(proof['labelled'], 'label')}")
    table.add_row("size", megabytes(proof["bytes"]))
    out.print(table)
    print_lines(manifest["preprocessing"])
    if call:
        out.print("\nto call it in Python, without this package:\n")
        print_lines(f"    {line}" for line in call)
    out.print(f"\n{place}: {', '.join(sorted(name for name in manifest['files'] if '/' not in name))}, manifest.json")
    kept = proof.get("kept_samples")
    samples = f"{counted(kept, 'held-out sample')} of your data (--keep-samples)" if kept else "none of your samples"
    out.print(f"The export holds {samples}.")


def print_check(facts: dict[str, Any]) -> None:
    """What a check found, on stdout."""
    out, products = console_of(sys.stdout), facts.get("products", {})
    if products:
        print_table(_products_table(products))
    for name, of_one in products.items():
        lines = finding_lines(of_one["findings"], ("error", "warning", "note"))
        print_lines([f"{name}:", *(f"  {line}" for line in lines)] if lines else [])
    if facts.get("counts") or facts.get("values"):
        out.print(split_table(facts))
    print_lines([*facts.get("about", ()), *finding_lines(facts["findings"], ("error", "warning", "note"))])


def _products_table(products: dict[str, dict[str, Any]]) -> Table:
    """The samples of each product by split, those of the test by label.

    Args:
        products: of each by its name the content of data.json.
    """
    splits = [split for split in SPLITS if any(split in facts.get("counts", {}) for facts in products.values())]
    rows = []
    for name, facts in products.items():
        counts = facts.get("counts", {})
        each = [str(facts.get("rows", {}).get(split, sum(counts.get(split, {}).values()))) for split in splits]
        test = counts.get("test", {})
        labels = ", ".join(f"{label} {count}" for label, count in test.items() if count)
        rows.append([name, *(each if counts else [""] * len(splits)), labels])
    return Table("products", ["product", *splits, "of the test by label"], rows)


def found_errors(facts: dict[str, Any]) -> list[str]:
    """The causes of the errors that `print_check` prints, as `Findings.raise_errors` tells them."""
    return [f"{finding['message']}." for finding in facts["findings"] if finding["severity"] == "error"]


def print_table(content: Table) -> None:
    """A plain table on stdout."""
    table = rich.table.Table(*map(plain_text, content.columns))
    for row in content.rows:
        table.add_row(*map(plain_text, row))
    console_of(sys.stdout).print(table)


def print_lines(lines: Iterable[str]) -> None:
    """Lines of text on stdout."""
    out = console_of(sys.stdout)
    for line in lines:
        out.print(plain_text(line))


def split_table(facts: dict[str, Any]) -> rich.table.Table:
    """What the splits hold: rows of each class, or what the numbers of each are like.

    Args:
        facts: the content of data.json.
    """
    if not facts.get("values"):
        return _counts_table(facts["counts"], facts.get("rows", {}))
    values = facts["values"]
    table = rich.table.Table("target", *values)
    for name in ("rows", "mean", "std", "min", "median", "max"):
        table.add_row(name, *(f"{values[split][name]:.6g}" for split in values))
    return table


def _counts_table(counts: dict[str, dict[str, int]], rows: dict[str, int]) -> rich.table.Table:
    """Split x class; with many classes only their number and extremes.

    `rows` are those of each split, where they may have several classes.
    """
    splits = list(counts)
    classes = list(dict.fromkeys(name for row in counts.values() for name in row))
    table = rich.table.Table("class", *splits, title=None)
    shown = classes if len(classes) <= _CLASSES_SHOWN else classes[: _CLASSES_SHOWN - 1]
    for name in shown:
        table.add_row(plain_text(name), *(str(counts[split].get(name, 0)) for split in splits))
    if len(shown) < len(classes):
        rest = [[counts[split].get(name, 0) for name in classes[len(shown) :]] for split in splits]
        table.add_row(f"{len(classes) - len(shown)} more", *(f"{min(row)} to {max(row)} each" for row in rest))
    table.add_section()
    table.add_row("all", *(str(rows.get(split, sum(counts[split].values()))) for split in splits))
    return table


def finding_lines(findings: list[dict[str, Any]], severities: tuple[str, ...]) -> list[str]:
    """Findings as text, the first ten items of each."""
    lines: list[str] = []
    for finding in (finding for finding in findings if finding["severity"] in severities):
        remedy = f" {finding['remedy'].rstrip('.')}." if finding["remedy"] else ""
        lines.append(f"{finding['severity']}: {finding['message']}.{remedy}")
        items = [] if all(item in finding["message"] for item in finding["items"]) else finding["items"]
        lines += [f"  {shortened(item)}" for item in items[:10]]
        if len(items) > 10:
            lines.append(f"  ... and {len(items) - 10} more")
    return [plain_text(line) for line in lines]


class _Console(Console):
    def render_str(self, text: str, **options: Any) -> Text:
        """All that is printed, cells of tables included, comes through here."""
        return super().render_str(plain_lines(text), **options)

    def on_broken_pipe(self) -> None:
        """Whoever read our output has left: the command line knows what to do, rich would leave with 1."""
        raise BrokenPipeError


def console_of(stream) -> Console:
    """A console without colours, marks and line breaks of its own; of a fixed width where it is no terminal."""
    console = _Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    return console
