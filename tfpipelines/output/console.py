"""What people see while something goes on: progress on stderr; what comes of it goes to stdout by `printing`."""

import os
import shlex
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn

from ..core import processes
from ..core.observer import Observer
from ..core.run_files import open_own
from ..core.words import counted, duration, extreme, fixed, plain_text
from ..errors import ConfigError
from ..metrics import by_epoch
from .printing import (
    console_of,
    finding_lines,
    print_lines,
    print_metrics,
    print_products,
    print_search,
    split_table,
    trial_line,
)


class Terminal(Observer):
    """Prints a run as it goes: one updating line per epoch on a terminal, one plain line per epoch elsewhere.

    Args:
        results: whether the result goes to stdout; off where the caller prints JSON there.
        redirect: send file descriptor 2, where TensorFlow's own messages go, to logs/run.log. For the command line
            only.
    """

    def __init__(self, results: bool = True, redirect: bool = False):
        self.results, self.redirect = results, redirect
        self.messages = console_of(sys.stderr)
        self.log: Path | None = None
        self.lines = False  # whether --json prints a document a line
        self._aside = self._takes_stdout = False
        self._bar: Progress | None = None
        self._product = ""  # whose run is one of several
        self._ends: list[float] = []  # moments: when training began, and when each epoch ended

    def send_native_logs_to(self, log: Path) -> None:
        """File descriptor 2 goes to `log` from now on; our own messages still go where it went before."""
        before, self._aside = self.log if self._aside else None, False
        if self.log is None:
            self.messages = console_of(os.fdopen(os.dup(2), "w", buffering=1))
        with open_own(log, "ab") as file:
            os.dup2(file.fileno(), 2)
            if self._takes_stdout:
                os.dup2(file.fileno(), 1)
        self.log = log
        if before is not None:
            before.unlink(missing_ok=True)

    def redirect_native_logs(self) -> None:
        """The same for commands without a run folder: to a file of the system's temporary folder."""
        handle, name = tempfile.mkstemp(prefix="tfpipe-", suffix=".log")
        os.close(handle)
        self.send_native_logs_to(Path(name))
        self._aside = True

    def close(self, keep_log: bool) -> None:
        """Ends a command: removes a log that was sent aside, unless it is wanted."""
        self._stop_bar()
        if self._aside and self.log is not None and not keep_log:
            self.log.unlink(missing_ok=True)

    def preparing(self) -> None:
        if not self.redirect:
            return
        with suppress(ConfigError):  # told by what needs the processes
            if processes.started().count > 1 and not self._takes_stdout:  # Gloo, which connects them, prints there
                sys.stdout.flush()
                sys.stdout = open(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)
                self._takes_stdout = True
        self.redirect_native_logs()

    def started(self, folder, pipeline) -> None:
        if self.redirect:
            self.send_native_logs_to(folder / "logs" / "run.log")
        self._say(f"run folder  {folder}")
        self._use = pipeline.use

    def environment(self, facts: dict[str, Any]) -> None:
        versions = facts["versions"]
        names = {"tfpipelines": "tfpipelines", "tensorflow": "TensorFlow", "keras": "Keras", "python": "Python"}
        told = ", ".join(f"{name} {versions[key]}" for key, name in names.items() if key in versions)
        self._say(f"versions    {told}")
        self._say(f"device      {facts['device']}, {versions['backend']} backend")

    def data(self, facts: dict[str, Any]) -> None:
        self.messages.print(split_table(facts))
        for line in (*facts.get("about", ()), *finding_lines(facts["findings"], ("warning", "note"))):
            self._say(line)

    def model(self, facts: dict[str, Any]) -> None:
        shape = " x ".join("any length" if size is None else str(size) for size in facts["input_shape"])
        size = f"{facts['parameters']:,} parameters, input {shape}"
        steps = counted(facts["steps_per_epoch"], "step")
        self._say(f"model       {facts['name']}, {size}, {steps} an epoch")
        self._ends = [time.monotonic()]

    def phase(self, facts: dict[str, Any]) -> None:
        most = f"{counted(facts['epochs'], 'epoch')} at most"
        self._say(f"phase       {facts['name']}: {facts['trained']:,} weights are trained, {most}")
        self._ends = [time.monotonic()]

    def step(self, epoch: int, done: int, total: int) -> None:
        self.bar(f"epoch {epoch}", done, total, "steps")

    def bar(self, name: str, done: int, total: int, unit: str) -> None:
        """An updating line, on a terminal."""
        if not self.messages.is_terminal:
            return
        if self._bar is None:
            columns = TextColumn("{task.description}"), BarColumn()
            counter = TextColumn(f"{{task.completed}}/{{task.total}} {unit}")
            self._bar = Progress(*columns, counter, console=self.messages, transient=True)
            self._bar.start()
            self._bar.add_task(name, total=total)
        self._bar.update(self._bar.task_ids[0], description=name, completed=done, total=total)

    def epoch(self, row: dict[str, float], epochs: int, samples: int) -> None:
        self._stop_bar()
        self._ends.append(time.monotonic())
        left = _usual_seconds(self._ends) * (epochs - row["epoch"])
        names = [f"{prefix}{name}" for prefix in ("", "val_") for name in by_epoch(row)]
        figures = "  ".join(f"{name} {fixed(row[name])}" for name in names if name in row)
        rate = samples / max(row["seconds"], 1e-9)
        eta = f"  ETA {duration(left)}" if left else ""
        speed = f"{row['seconds']:.1f} s  {rate:,.0f} samples/s"
        self.messages.print(f"epoch {row['epoch']:>3}/{epochs}  {figures}  {speed}{eta}")

    def note(self, text: str) -> None:
        self._stop_bar()
        self._say(f"note: {text}")

    def search(self, facts: dict[str, Any]) -> None:
        goal = f"{extreme(facts['direction'])} {facts['metric']} over {', '.join(facts['fields'])}"
        self._say(f"search      {facts['algorithm']} for the {goal}")
        each = "as many epochs as there is time for"
        if facts["epochs"] is not None:
            each = f"at most {counted(facts['epochs'], 'epoch')} each"
        most = f"{counted(facts['trials'], 'trial')} of {each}"
        done = f"; {counted(facts['done'], 'trial')} done already" if facts["done"] else ""
        length = f" of up to {counted(facts['epochs'], 'epoch')}" if facts["epochs"] is not None else ""
        runs = f"{counted(facts['finals'], 'final run')}{length}"
        then = f", then {runs} with the best values" if facts["finals"] else ""
        self.messages.print(f"            at most {most}{then}; {counted(facts['workers'], 'worker')}{done}")

    def trial_epoch(self, number: int, epoch: int, epochs: int, value: float | None) -> None:
        self.bar(f"trial {number}", epoch, epochs, "epochs")

    def trial(self, facts: dict[str, Any]) -> None:
        self._stop_bar()
        self._say(trial_line(facts))

    def finals(self, facts: dict[str, Any]) -> None:
        self._stop_bar()
        what = counted(len(facts["seeds"]), "run")
        seeds = f"{'seed' if len(facts['seeds']) == 1 else 'seeds'} {', '.join(map(str, facts['seeds']))}"
        about = f", about {duration(facts['seconds'])}" if facts["seconds"] else ""
        most = counted(facts["epochs"], "epoch")
        self._say(f"final runs  {what} of up to {most} with the values of trial {facts['trial']} ({seeds}){about}")

    def final_epoch(self, seed: int, epoch: int, epochs: int) -> None:
        self.bar(f"final run, seed {seed}", epoch, epochs, "epochs")

    def final(self, seed: int, metrics: dict[str, Any]) -> None:
        self._stop_bar()
        split = "test" if metrics.get("test") else "validation"
        figures = "  ".join(f"{name} {fixed(value)}" for name, value in list(metrics.get(split, {}).items())[:3])
        self.messages.print(f"final run, seed {seed}: {split} {figures}")

    def searched(self, folder, metrics: dict[str, Any]) -> None:
        self._stop_bar()
        if not self.results:
            return
        print_search(metrics)
        out = console_of(sys.stdout)
        seeds = metrics["seeds"]
        searching, final = (duration(metrics["time"][part]) for part in ("search", "final"))
        took = f"time {searching} for the search, {final} for the final runs"
        out.print(f"\n{took}; run folder: {folder}, summary: {folder}/report.html")
        best = shlex.quote(f"{folder}/best.yaml")
        use = [f"tfpipe {self._use.format(shlex.quote(f'{folder}/final/seed-{seeds[0]}'))}"] if seeds else []
        logs = shlex.quote(f"{folder}/logs/tensorboard")
        out.print("next: " + "    ".join([*use, f"tfpipe run {best}", f"tensorboard --logdir {logs}"]))

    def product(self, name: str, number: int, count: int) -> None:
        self._stop_bar()
        self._product = name
        self._say(f"product     {name}, {number} of {count}")

    def products(self, folder, metrics: dict[str, Any]) -> None:
        self._stop_bar()
        self._product = ""
        if not self.results:
            return
        print_products(metrics)
        took = duration(metrics["time"]["total"])
        out = console_of(sys.stdout)
        out.print(f"\ntime {took} for all runs; run folder: {folder}, summary: {folder}/report.html")
        done = next((row["product"] for row in metrics["products"] if row["state"] == "done"), "")
        if done:
            model = shlex.quote(f"{folder}/products/{done}")
            out.print(
                f"next: tfpipe {self._use.format(model)}    tfpipe export {model}    tfpipe evaluate {model} PATH"
            )

    def finished(self, folder, metrics: dict[str, Any]) -> None:
        self._stop_bar()
        if self._product:
            split = "test" if metrics.get("test") else "validation"
            figures = "  ".join(f"{name} {fixed(value)}" for name, value in list(metrics.get(split, {}).items())[:3])
            self._say(f"product     {self._product}: {split} {figures}")
            return
        if not self.results:
            return
        print_metrics(metrics)
        out = console_of(sys.stdout)
        took = duration(metrics["time"]["total"])
        out.print(
            f"\ntime {took} for data, training and evaluation; run folder: {folder}, summary: {folder}/report.html"
        )
        model = shlex.quote(f"{folder}/fold-0" if "folds" in metrics else str(folder))
        use, whole = f"tfpipe {self._use.format(model)}", shlex.quote(str(folder))
        more = f"tfpipe export {model}    tfpipe report {whole}    tensorboard --logdir {whole}"
        out.print(f"next: {use}    tfpipe evaluate {model} PATH    {more}")

    def advised(self, advice: list[tuple[str, str]]) -> None:
        if self.results and advice and not self._product:
            text, command = advice[0]
            print_lines([f"advice: {text}{f' {command}' if command else ''}"])

    def error(self, error: BaseException) -> None:
        """Prints cause, details and remedy of an error."""
        self._stop_bar()
        self._say(f"error: {getattr(error, 'cause', str(error))}")
        for line in getattr(error, "details", ()):
            self._say(f"  {line}")
        if remedy := getattr(error, "remedy", ""):
            self._say(remedy)

    def _say(self, line: str) -> None:
        """Prints one line: names in it are data."""
        self.messages.print(plain_text(line))

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _usual_seconds(ends: list[float]) -> float:
    """What an epoch takes: the median of those after the first, which also builds the graphs."""
    seconds = [after - before for before, after in zip(ends, ends[1:])]
    return statistics.median(seconds[1:] or seconds)
