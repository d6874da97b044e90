"""What people see: progress on stderr, results on stdout."""

import os
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from .errors import counted
from .observer import Observer

_PLAIN_WIDTH = 140  # of tables that go to a file or a pipe
_CLASSES_SHOWN = 20
_ADVERSARIAL = ("discriminator_loss", "generator_loss", "kid", "val_kid", "diversity", "val_diversity")
_BY_CLASS = ("precision", "recall", "f1")  # of a classifier
_BY_LABEL = ("alarms", "roc_auc")  # of a detector


class Terminal(Observer):
    """Prints a run as it goes: one updating line per epoch on a terminal, one plain line per epoch elsewhere.

    Args:
        results: whether the result goes to stdout; off where the caller prints JSON there.
        redirect: send file descriptor 2, where TensorFlow's own messages go, to logs/run.log. For the command line only.
    """

    def __init__(self, results: bool = True, redirect: bool = False):
        self.results, self.redirect = results, redirect
        self.messages = _console(sys.stderr)
        self.log: Path | None = None
        self._aside = False
        self._bar: Progress | None = None
        self._started = 0.0
        self._epochs_seen = 0

    def send_chatter_to(self, log: Path) -> None:
        """File descriptor 2 goes to `log` from now on; our own messages still go where it went before."""
        if self.log is None:
            self.messages = _console(os.fdopen(os.dup(2), "w", buffering=1))
        with open(log, "ab") as file:
            os.dup2(file.fileno(), 2)
        self.log = log

    def send_chatter_aside(self) -> None:
        """The same for commands without a run folder: to a file of the system's temporary folder."""
        handle, name = tempfile.mkstemp(prefix="tfpipe-", suffix=".log")
        os.close(handle)
        self.send_chatter_to(Path(name))
        self._aside = True

    def close(self, keep_log: bool) -> None:
        """Ends a command: removes a log that was sent aside, unless it is wanted."""
        self._stop_bar()
        if self._aside and not keep_log:
            self.log.unlink(missing_ok=True)

    def started(self, folder, pipeline) -> None:
        if self.redirect:
            self.send_chatter_to(folder / "logs" / "run.log")
        self.messages.print(f"run folder  {folder}")
        self._use = pipeline.use

    def environment(self, facts: dict[str, Any]) -> None:
        versions = facts["versions"]
        names = {"tfpipelines": "tfpipelines", "tensorflow": "TensorFlow", "keras": "Keras", "python": "Python"}
        self.messages.print("versions    " + ", ".join(f"{name} {versions[key]}" for key, name in names.items() if key in versions))
        self.messages.print(f"device      {facts['device']}, {versions['backend']} backend")

    def data(self, facts: dict[str, Any]) -> None:
        self.messages.print(counts_table(facts["counts"], facts.get("rows", {})))
        for line in facts.get("about", ()):
            self.messages.print(_plain(line))
        for line in finding_lines(facts["findings"], ("warning", "note")):
            self.messages.print(line)

    def model(self, facts: dict[str, Any]) -> None:
        shape = " x ".join("any length" if size is None else str(size) for size in facts["input_shape"])
        self.messages.print(f"model       {facts['name']}, {facts['parameters']:,} parameters, input {shape}, {counted(facts['steps_per_epoch'], 'step')} an epoch")
        self._started, self._epochs_seen = time.monotonic(), 0

    def phase(self, facts: dict[str, Any]) -> None:
        self.messages.print(f"phase       {facts['name']}: {facts['trained']:,} weights are trained, {counted(facts['epochs'], 'epoch')} at most")
        self._started, self._epochs_seen = time.monotonic(), 0

    def step(self, epoch: int, done: int, total: int) -> None:
        if not self.messages.is_terminal:
            return
        if self._bar is None:
            self._bar = Progress(TextColumn("epoch {task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} steps"), console=self.messages, transient=True)
            self._bar.start()
            self._bar.add_task(str(epoch), total=total)
        self._bar.update(self._bar.task_ids[0], completed=done)

    def epoch(self, row: dict[str, float], epochs: int, samples: int) -> None:
        self._stop_bar()
        self._epochs_seen += 1
        left = (time.monotonic() - self._started) / self._epochs_seen * (epochs - row["epoch"])
        loss = "log_loss" if "log_loss" in row else "loss"  # where the loss is a sum of parts, that of the whole says more
        names = [name for name in (loss, "accuracy", f"val_{loss}", "val_accuracy", *_ADVERSARIAL) if name in row]
        figures = "  ".join(f"{name} {row[name]:.4f}" for name in names)
        rate = samples / max(row["seconds"], 1e-9)
        eta = f"  ETA {duration(left)}" if left else ""
        self.messages.print(f"epoch {row['epoch']:>3}/{epochs}  {figures}  {row['seconds']:.1f} s  {rate:,.0f} samples/s{eta}")

    def note(self, text: str) -> None:
        self._stop_bar()
        self.messages.print(f"note: {_plain(text)}")

    def search(self, facts: dict[str, Any]) -> None:
        over, workers = ", ".join(facts["fields"]), counted(facts["workers"], "worker")
        self.messages.print(f"search      {facts['algorithm']} for the {'highest' if facts['direction'] == 'max' else 'lowest'} {facts['metric']} over {over}")
        self.messages.print(f"            at most {counted(facts['trials'], 'trial')} of at most {counted(facts['epochs'], 'epoch')} each, {workers}" + (f"; {counted(facts['done'], 'trial')} done already" if facts["done"] else ""))

    def trial_epoch(self, number: int, epoch: int, epochs: int, value: float | None) -> None:
        self.step(number, epoch, epochs)

    def trial(self, facts: dict[str, Any]) -> None:
        self._stop_bar()
        self.messages.print(_plain(trial_line(facts)))

    def final(self, seed: int, metrics: dict[str, Any]) -> None:
        self._stop_bar()
        part = "test" if metrics.get("test") else "validation"
        figures = "  ".join(f"{name} {value:.4f}" for name, value in list(metrics.get(part, {}).items())[:3])
        self.messages.print(f"final run, seed {seed}: {part} {figures}")

    def searched(self, folder, metrics: dict[str, Any]) -> None:
        self._stop_bar()
        if not self.results:
            return
        print_search(metrics)
        out = _console(sys.stdout)
        seeds = metrics["seeds"]
        out.print(f"\ntime {duration(metrics['time']['search'])} for the search, {duration(metrics['time']['final'])} for the final runs; everything is in {folder}, in short in {folder}/report.html")
        best = shlex.quote(f"{folder}/best.yaml")
        use = [f"tfpipe {self._use.format(shlex.quote(f'{folder}/final/seed-{seeds[0]}'))}"] if seeds else []
        logs = shlex.quote(f"{folder}/logs/tensorboard")
        out.print("    ".join(["next: " + (use[0] if use else f"tfpipe run {best}"), *([f"tfpipe run {best}"] if use else []), f"tensorboard --logdir {logs}"]))

    def finished(self, folder, metrics: dict[str, Any]) -> None:
        self._stop_bar()
        if not self.results:
            return
        print_metrics(metrics)
        out = _console(sys.stdout)
        out.print(f"\ntime {duration(metrics['time']['total'])}; everything is in {folder}, in short in {folder}/report.html")
        model = shlex.quote(f"{folder}/fold-0" if "folds" in metrics else str(folder))
        logs = shlex.quote(str(folder) if "folds" in metrics else f"{folder}/logs")
        out.print(f"next: tfpipe {self._use.format(model)}    tfpipe evaluate {model} PATH    tensorboard --logdir {logs}")

    def error(self, error: BaseException) -> None:
        """Prints cause, details and remedy of an error."""
        self._stop_bar()
        cause, remedy, details = getattr(error, "cause", str(error)), getattr(error, "remedy", ""), getattr(error, "details", ())
        self.messages.print(f"error: {_plain(cause)}")
        for line in details:
            self.messages.print(f"  {_plain(line)}")
        if remedy:
            self.messages.print(_plain(remedy))

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def print_metrics(metrics: dict[str, Any]) -> None:
    """The result table on stdout: figures with intervals, or with mean and spread over folds, then classes."""
    out = _console(sys.stdout)
    parts = [part for part in ("train", "validation", "test") if part in metrics]
    beside = metrics.get("baselines", {})
    table = Table("metric", *parts, *(["95% interval (test)"] if metrics.get("intervals") else []), *beside)
    for name in dict.fromkeys(name for part in parts for name in metrics[part]):
        cells = [_figure(metrics, part, name) for part in parts]
        if metrics.get("intervals"):
            cells.append("{:.4f} to {:.4f}".format(*metrics["intervals"][name]) if name in metrics["intervals"] else "")
        cells += [f"{figures[name]:.4f}" if name in figures else "" for figures in beside.values()]
        table.add_row(name, *cells)
    out.print(table)
    classes = metrics.get("per_class", {})
    if classes:
        columns = _BY_CLASS if all("f1" in row for row in classes.values()) else _BY_LABEL
        worst = sorted(classes.items(), key=lambda entry: entry[1].get(columns[-1], 2.0))[:_CLASSES_SHOWN]
        table = Table("class", *(name.replace("_", " ") for name in columns), "samples")
        for name, row in worst if len(classes) > _CLASSES_SHOWN else classes.items():
            table.add_row(_plain(name), *(f"{row[key]:.3f}" if key in row else "" for key in columns), str(row["support"]))
        out.print(table)
        if len(classes) > _CLASSES_SHOWN:
            out.print(f"the {_CLASSES_SHOWN} classes of lowest {columns[-1]} out of {len(classes)}; all are in metrics.json")
    for line in metrics.get("about", ()):
        out.print(_plain(line))


def trial_line(facts: dict[str, Any]) -> str:
    """One trial in one line."""
    values = "  ".join(f"{path}={_value(value)}" for path, value in facts["values"].items())
    ends = {"failed": "failed: {}", "pruned": "pruned: {}", "cut": "cut short: {}"}
    end = ends[facts["status"]].format(facts["reason"]) if facts["status"] in ends else ""
    score = f"{facts['metric']} {facts['score']:.4f}" if facts["score"] is not None else ""
    best = f"best {facts['best']:.4f} (trial {facts['best_trial']})" if facts["best"] is not None else ""
    left = f"about {duration(facts['left'])} left" if facts["left"] else ""
    parent = f"goes on from trial {facts['parent']}" if facts["parent"] else ""
    work = f"{counted(facts['epochs'], 'epoch')} {facts['seconds']:.1f} s" if facts["seconds"] else ""
    return f"trial {facts['number']:>3}/{facts['trials']}  " + "  ".join(part for part in (score, work, parent, values, end, best, left) if part)


def print_search(metrics: dict[str, Any]) -> None:
    """What a search has found, on stdout: its best trial beside the mean and range of the final runs over seeds."""
    out, found = _console(sys.stdout), metrics["search"]
    seeds = f"{'seed' if len(metrics['seeds']) == 1 else 'seeds'} {', '.join(map(str, metrics['seeds']))}"
    figures = "{mean:.4f}" if len(metrics["seeds"]) == 1 else "{mean:.4f} ({min:.4f} to {max:.4f})"
    parts = [part for part in ("validation", "test") if part in metrics]
    table = Table("metric", f"search: trial {found['trial']}, validation", *(f"{part}, {seeds}" for part in parts))
    for name in dict.fromkeys(name for part in (metrics["best_trial"], *(metrics[part] for part in parts)) for name in part):
        cells = [f"{metrics['best_trial'][name]:.4f}" if name in metrics["best_trial"] else ""]
        for part in parts:
            spread = metrics[part].get(name)
            cells.append(figures.format(**spread) if spread else "")
        table.add_row(name, *cells)
    out.print(table)
    counts = ", ".join(f"{count} {status}" for status, count in found["trials"].items())
    out.print(f"{counted(sum(found['trials'].values()), 'trial')} ({counts}), {counted(found['epochs'], 'epoch')}; ended by: {found['ended_by']}")
    out.print("best: " + _plain("  ".join(f"{path}={_value(value)}" for path, value in found["values"].items())))


def print_export(folder: Path, manifest: dict[str, Any]) -> None:
    """What has been exported and how it was proven, on stdout."""
    out, proof = _console(sys.stdout), manifest["proof"]
    table = Table("", manifest["format"] + (f", {manifest['quantize']}" if manifest["quantize"] else ""), show_header=True)
    for tensor in manifest["signature"]["inputs"]:
        shape = ", ".join("any" if size is None else str(size) for size in tensor["shape"])
        table.add_row(f"input {tensor['name']}", f"{tensor['dtype']} ({shape})")
    for tensor in manifest["signature"]["outputs"]:
        table.add_row(f"output {tensor['name']}", _plain(tensor["meaning"]))
    table.add_section()
    table.add_row("replayed", f"{counted(proof['samples'], 'held-out sample')}, one at a time: {proof['milliseconds_per_sample']:.3g} ms each")
    table.add_row("differences", f"largest {proof['largest_difference']:.2g}, mean {proof['mean_difference']:.2g}")
    if "flips" in proof:
        ties = f" ({proof['ties']} that hang on less than the tolerance not counted)" if proof["ties"] else ""
        table.add_row("flipped answers", f"{proof['flips']}{ties}")
    if manifest["quantize"] and "accuracy" in proof:
        low, high = proof["accuracy_loss_interval"]
        table.add_row("accuracy", f"{proof['accuracy_before']:.4f} before, {proof['accuracy']:.4f} now: a loss of {proof['accuracy_loss']:.4f} (95%: {low:.4f} to {high:.4f}), by {counted(proof['labelled'], 'label')}")
    table.add_row("size", f"{proof['bytes'] / 1e6:.2f} MB")
    out.print(table)
    for line in manifest["preprocessing"]:
        out.print(_plain(line))
    place = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else folder
    out.print(f"{place}: {', '.join(sorted(name for name in manifest['files'] if '/' not in name))}, manifest.json")


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "[" + ",".join(map(_value, value)) + "]" if isinstance(value, (list, tuple)) else "null" if value is None else str(value)


def print_check(facts: dict[str, Any]) -> None:
    """What a check found, on stdout."""
    out = _console(sys.stdout)
    if facts.get("counts"):
        out.print(counts_table(facts["counts"], facts.get("rows", {})))
    for line in facts.get("about", ()):
        out.print(_plain(line))
    for line in finding_lines(facts["findings"], ("error", "warning", "note")):
        out.print(line)


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """A plain table on stdout."""
    table = Table(*map(_plain, columns))
    for row in rows:
        table.add_row(*map(_plain, row))
    _console(sys.stdout).print(table)


def print_lines(lines: list[str]) -> None:
    """Lines of text on stdout."""
    out = _console(sys.stdout)
    for line in lines:
        out.print(_plain(line))


def counts_table(counts: dict[str, dict[str, int]], rows: dict[str, int]) -> Table:
    """Split x class; with many classes only their number and extremes. `rows` are those of each split, where they may have several classes."""
    splits = list(counts)
    classes = list(dict.fromkeys(name for row in counts.values() for name in row))
    table = Table("class", *splits, title=None)
    shown = classes if len(classes) <= _CLASSES_SHOWN else classes[: _CLASSES_SHOWN - 1]
    for name in shown:
        table.add_row(_plain(name), *(str(counts[split].get(name, 0)) for split in splits))
    if len(shown) < len(classes):
        rest = [[counts[split].get(name, 0) for name in classes[len(shown) :]] for split in splits]
        table.add_row(f"{len(classes) - len(shown)} more", *(f"{min(row)} to {max(row)} each" for row in rest))
    table.add_section()
    table.add_row("all", *(str(rows.get(split, sum(counts[split].values()))) for split in splits))
    return table


def finding_lines(findings: list[dict[str, Any]], severities: tuple[str, ...]) -> list[str]:
    """Findings as text, the first ten items of each."""
    lines = []
    for finding in findings:
        if finding["severity"] in severities:
            lines.append(f"{finding['severity']}: {finding['message']}." + (f" {finding['remedy'].rstrip('.')}." if finding["remedy"] else ""))
            lines += [f"  {item}" for item in finding["items"][:10]]
            if len(finding["items"]) > 10:
                lines.append(f"  ... and {len(finding['items']) - 10} more")
    return [_plain(line) for line in lines]


def duration(seconds: float) -> str:
    """Seconds in words: 42 s, 3 min 20 s, 2 h 5 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _figure(metrics: dict[str, Any], part: str, name: str) -> str:
    if name not in metrics[part]:
        return ""
    spread = metrics.get("spread", {}).get(part, {}).get(name)
    text = f"{metrics[part][name]:.4f}"
    return f"{text} ± {spread['std']:.4f} ({spread['min']:.4f} to {spread['max']:.4f})" if spread else text


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Whoever read our output has left: the command line knows what to do, rich would leave with 1."""
        raise BrokenPipeError


def _console(stream) -> Console:
    console = _Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    return console


def _plain(text: str) -> str:
    """Text without control characters: class and file names are data."""
    return "".join(character if character.isprintable() else "�" for character in str(text))
