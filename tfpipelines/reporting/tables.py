"""The tables of a report: what is in their cells, as text."""

from dataclasses import dataclass

from ..tasks.abilities import Kind
from . import values
from .captions import meaning
from .facts import PARTS, Facts
from .words import count, figure, instant, percent, seconds, value

_MOST_ROWS = 60  # of classes
_MOST_TRIALS = 30


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading.

    Args:
        title: what it shows, for those who do not see it, too.
        columns: headings.
        rows: cells of each row.
        note: a line below, "" for none.
        figures_from: the first column of figures, which stand to the right.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""
    figures_from: int = 1


def counts_table(facts: Facts) -> Table | None:
    """Samples by class and split."""
    data = facts.data
    splits = [*data.counts] or [*data.rows]
    names = list(dict.fromkeys(name for row in data.counts.values() for name in row))
    shown = names[:_MOST_ROWS]
    rows = [[name, *(count(data.counts[split].get(name, 0)) for split in splits)] for name in shown]
    rows.append(["all", *(count(data.rows.get(split, sum(data.counts.get(split, {}).values()))) for split in splits)])
    note = f"{len(names) - len(shown):,} further classes are in data.json." if len(names) > len(shown) else ""
    title = "Samples by class and part" + (", as fold 0 has them" if facts.kind == "folds" else "")
    return Table(title, ["class", *splits], rows, note) if splits else None


def figures_table(facts: Facts) -> Table | None:
    """Every figure of every part, with intervals or spread, and what stands beside it."""
    metrics = facts.metrics
    parts = [part for part in PARTS if part in metrics.parts]
    if not parts:
        return None
    over = {"folds": f"mean of {len(facts.parts)} folds", "search": "mean over seeds"}.get(facts.kind, "")
    best = facts.search.best
    columns = [
        "figure",
        *(["best trial, validation"] if best else []),
        *(f"{part}, {over}" if over else part for part in parts),
    ]
    columns += [*(["95% interval (test)"] if metrics.intervals else []), *metrics.baselines]
    rows = []
    for name in dict.fromkeys([*best, *(name for part in parts for name in metrics.parts[part])]):
        row = [name, *([figure(best.get(name))] if best else []), *(_with_spread(facts, part, name) for part in parts)]
        if metrics.intervals:
            row.append(" to ".join(map(figure, metrics.intervals[name])) if name in metrics.intervals else "")
        rows.append([*row, *(figure(beside.get(name)) for beside in metrics.baselines.values())])
    return Table("Figures", columns, rows)


def _with_spread(facts: Facts, part: str, name: str) -> str:
    text, spread = figure(facts.metrics.parts[part].get(name)), facts.metrics.spread.get(part, {}).get(name, {})
    if text and "std" in spread:
        text += f" ± {figure(spread['std'])}"
    return (
        f"{text} ({figure(spread['min'])} to {figure(spread['max'])})"
        if text and {"min", "max"} <= spread.keys()
        else text
    )


def meanings(facts: Facts) -> list[tuple[str, str]]:
    """(figure, what it is and which way is better) of the figures told."""
    generator = is_generator(facts)
    names = dict.fromkeys(name for part in facts.metrics.parts.values() for name in part)
    found = [(name, *meaning(name, generator)) for name in names]
    ways = {True: "higher is better", False: "lower is better", None: ""}
    return [(name, "; ".join(part for part in (text, ways[better]) if part)) for name, text, better in found if text]


def is_generator(facts: Facts) -> bool:
    """Whether the run is of a generator of images."""
    return facts.made is Kind.GENERATOR


def classes_table(facts: Facts) -> Table | None:
    """Figures by class, the worst ones where there are many."""
    classes = facts.metrics.per_class
    columns = list(dict.fromkeys(name for row in classes.values() for name in row if name != "support"))
    if not columns:
        return None
    by = "f1" if "f1" in columns else columns[-1]
    names = (
        sorted(classes, key=lambda name: classes[name].get(by, 2.0))[:_MOST_ROWS]
        if len(classes) > _MOST_ROWS
        else list(classes)
    )
    rows = [
        [name, *(figure(classes[name].get(column)) for column in columns), count(classes[name].get("support"))]
        for name in names
    ]
    note = (
        f"The {_MOST_ROWS} of lowest {by} out of {len(classes):,} classes; all are in metrics.json."
        if len(classes) > _MOST_ROWS
        else ""
    )
    return Table(
        "Test figures by class", ["class", *(column.replace("_", " ") for column in columns), "samples"], rows, note
    )


def parts_table(facts: Facts) -> Table | None:
    """Folds, or final runs of a search, with their figures."""
    part = "test" if any("test" in entry.figures for entry in facts.parts) else "validation"
    names = list(dict.fromkeys(name for entry in facts.parts for name in entry.figures.get(part, {})))[:6]
    rows = [
        [entry.path, entry.state, *(figure(entry.figures.get(part, {}).get(name)) for name in names)]
        for entry in facts.parts
    ]
    title = "Folds" if facts.kind == "folds" else "Final runs: the best values, trained again with other seeds"
    return (
        Table(
            title,
            ["folder", "state", *(f"{part} {name}" for name in names)],
            rows,
            "Each has a report.html of its own.",
            2,
        )
        if rows
        else None
    )


def leaderboard_table(facts: Facts) -> Table | None:
    """The trials of a search, the best first."""
    rows = facts.search.rows
    if not rows:
        return None
    columns = [
        name
        for name in rows[0]
        if name not in ("by_epoch", "parent") or (name == "parent" and any(row.get(name) for row in rows))
    ]
    columns = [name for name in columns if name != "reason" or any(row.get(name) for row in rows)]
    whole = {"rank", "trial", "best_epoch", "epochs", "parent"}
    cells = [
        [
            row.get(name, "") if name in whole or (number := values.parsed(row.get(name))) is None else value(number)
            for name in columns
        ]
        for row in rows[:_MOST_TRIALS]
    ]
    note = (
        f"The first {_MOST_TRIALS} of {len(rows):,} trials; all are in leaderboard.csv."
        if len(rows) > _MOST_TRIALS
        else ""
    )
    return Table("Trials", ["best epoch" if name == "best_epoch" else name for name in columns], cells, note)


def pairs_table(facts: Facts) -> Table | None:
    """Which classes are taken for which, most frequent first."""
    rows = [[true or "none", told or "none", count(number)] for true, told, number in facts.failures.pairs]
    return Table("What is taken for what", ["it is", "taken for", "times"], rows, figures_from=2) if rows else None


def samples_table(facts: Facts) -> Table | None:
    """The samples that go wrong most clearly."""
    rows = [list(row) for row in facts.failures.samples]
    return (
        Table("The clearest mistakes", ["sample", "it is", "taken for", "how surely"], rows, figures_from=4)
        if rows
        else None
    )


def exports_table(facts: Facts) -> Table | None:
    """What has been exported, and how it was proven."""
    rows = []
    for place, manifest in facts.exports.items():
        proof = values.figures(manifest.get("proof"))
        loss = f"{proof['accuracy_loss']:+.4f}" if manifest.get("quantize") and "accuracy_loss" in proof else ""
        size = f"{proof['bytes'] / 1e6:.2f}" if "bytes" in proof else ""
        difference = f"{proof['largest_difference']:.1e}" if "largest_difference" in proof else ""
        rows.append(
            [
                place + (" (of an earlier model)" if manifest["outdated"] else ""),
                count(proof.get("samples")),
                difference,
                count(proof.get("flips")),
                loss,
                figure(proof.get("milliseconds_per_sample")),
                size,
            ]
        )
    note = (
        "Held-out samples went through the exported model in its own runtime, one at a time; manifest.json in "
        "each folder says all."
    )
    return (
        Table(
            "Exports",
            ["folder", "samples", "largest difference", "flipped answers", "accuracy lost", "ms a sample", "MB"],
            rows,
            note,
        )
        if rows
        else None
    )


def what_table(facts: Facts) -> list[tuple[str, str]]:
    """(name, value) of what was trained."""
    metrics, status, environment = facts.metrics, facts.status, facts.environment
    epochs, asked = len(facts.history) or values.number(status.get("epoch")), values.number(status.get("epochs"))
    done = f"{count(epochs)}" + (f" of {count(asked)}" if asked and asked != epochs else "") if epochs else ""
    kept = f"; epoch {metrics.best_epoch} is the model" if metrics.best_epoch else ""
    found = [
        ("pipeline", facts.name),
        ("task", facts.task),
        ("kind", {"folds": f"cross-validation, {len(facts.parts)} folds", "search": "search"}.get(facts.kind, "")),
        ("network", facts.network if facts.kind != "search" else ""),
        ("parameters", count(values.number(metrics.network.get("parameters")))),
        ("seed", values.text(facts.pipeline.get("seed"))),
        ("state", facts.state + (f": {reason}" if (reason := values.text(status.get("reason"))) else "")),
        ("epochs", done + kept if done else ""),
        ("begun", instant(status.get("started"))),
        ("last written", instant(status.get("updated"))),
        (
            "took",
            seconds(
                metrics.seconds.get("total")
                or (metrics.seconds.get("search", 0.0) + metrics.seconds.get("final", 0.0))
                or None
            ),
        ),
        ("device", values.text(environment.get("device"))),
    ]
    return [(name, text) for name, text in found if text]


def search_table(facts: Facts) -> list[tuple[str, str]]:
    """(name, value) of how a search went and what it found."""
    summary = facts.search.summary
    settings = facts.section("search")
    trials = values.figures(summary.get("trials"))
    found = [
        ("algorithm", values.text(settings.get("algorithm"))),
        (
            "searched for",
            f"the {'highest' if summary.get('direction') == 'max' else 'lowest'} {values.text(summary.get('metric'))}"
            if summary
            else "",
        ),
        (
            "best",
            f"{figure(values.number(summary.get('score')))} by trial {values.text(summary.get('trial'))}"
            if summary
            else "",
        ),
        ("trials", ", ".join(f"{count(number)} {status}" for status, number in trials.items())),
        ("epochs of all trials", count(values.number(summary.get("epochs")))),
        ("ended by", values.text(summary.get("ended_by"))),
        ("seeds of the final runs", ", ".join(facts.search.seeds)),
        *((f"failed final run, seed {seed}", reason) for seed, reason in facts.search.failed_seeds.items()),
    ]
    return [(name, text) for name, text in found if text]


def best_values(facts: Facts) -> list[tuple[str, str]]:
    """(field, value) of the best trial."""
    return [(path, value(entry)) for path, entry in values.mapping(facts.search.summary.get("values")).items()]


def calibration(facts: Facts) -> list[str]:
    """What there is to say of probabilities and thresholds, in sentences."""
    lines, test = [], facts.metrics.parts.get("test", {})
    temperature = facts.metrics.temperature
    if temperature is not None:
        way = "surer" if temperature > 1 else "less sure"
        fitted = (
            f"The logits are divided by a temperature of {temperature:.3f}, fitted on the validation part "
            f"(Guo et al. 2017): before, the model was {way} than it should be."
            if temperature != 1
            else "Probabilities are as the network gives them: no temperature was asked for, or none made them "
            "better on the validation part."
        )
        lines.append(fitted)
    if "ece" in test:
        lines.append(f"On the test part confidence and accuracy differ by {figure(test['ece'])} on average (ece).")
    if (rate := values.number(facts.metrics.threshold.get("false_alarm_rate"))) is not None and not facts.metrics.about:
        lines.append(
            f"The threshold {figure(values.number(facts.metrics.threshold.get('threshold')))} is to give an "
            f"alarm for {percent(rate)} of normal samples."
        )
    now, then = facts.metrics.threshold_now, values.number(facts.metrics.threshold.get("threshold"))
    if now is not None and then is not None and now != then:
        lines.append(
            f"The threshold has been fitted or set anew since: it is {figure(now)} now. The figures and "
            f"verdicts here are those of the threshold before, {figure(then)}."
        )
    return lines
