"""The tables of a report: what is in their cells, as text."""

from ..core import text_tables
from ..core.splits import SPLITS
from ..core.text_tables import Column, Table
from ..core.words import count, distinct, extreme, figure, instant, labels, percent, seconds, signed, value
from ..metrics import metric, product_figures
from ..tasks.abilities import Kind
from . import values
from .facts import Facts

_MOST_ROWS = 60  # of classes
_MOST_TRIALS = 30
_MOST_METRICS = 3  # of candidates
_KINDS = {"folds": "cross-validation, {} folds", "search": "search", "products": "a run for each of {} products"}


def counts_table(facts: Facts) -> Table:
    """Samples by class and split; of numbers their figures by split."""
    data = facts.data
    if facts.made is Kind.REGRESSOR:
        return _values_table(facts)
    splits = [*data.counts] or [*data.rows]
    names = list(dict.fromkeys(name for row in data.counts.values() for name in row))
    shown = names[:_MOST_ROWS]
    rows = [[name, *(count(data.counts[split].get(name, 0)) for split in splits)] for name in shown]
    rows.append(["all", *(count(data.rows.get(split, sum(data.counts.get(split, {}).values()))) for split in splits)])
    note = f"{len(names) - len(shown):,} further classes are in data.json." if len(names) > len(shown) else ""
    title = f"Samples by class and split{_of_folds(facts)}"
    return Table(title, ["class", *splits], rows if splits else [], note)


def _values_table(facts: Facts) -> Table:
    names = ["mean", "std", "min", "median", "max"]
    found = facts.data.values.items()
    shown = lambda number: "" if number is None else f"{number:,.6g}"
    rows = [[split, count(row.get("rows")), *(shown(row.get(name)) for name in names)] for split, row in found]
    return Table(f"Values of the target by split{_of_folds(facts)}", ["split", "samples", *names], rows)


def _of_folds(facts: Facts) -> str:
    return ", as fold 0 has them" if facts.kind == "folds" else ""


def figures_table(facts: Facts) -> Table:
    """Every metric of every split, with intervals or spread, and what stands beside it."""
    metrics, best = facts.metrics, facts.search.best
    splits = [split for split in SPLITS if split in metrics.splits]
    over = {
        "folds": f", mean of {len(facts.inner_runs)} folds", "search": ", mean over seeds",
        "products": ", mean over products",
    }.get(facts.kind, "")  # fmt: skip
    columns = [Column("best trial, validation", best, {})] if best and splits else []
    columns += [Column(split + over, metrics.splits[split], metrics.spread.get(split, {})) for split in splits]
    return text_tables.figures_table("metric", columns, metrics.intervals, metrics.baselines, figure)


def meanings(facts: Facts) -> list[tuple[str, str]]:
    """(metric, what it is and which way is better) of the metrics told."""
    names = dict.fromkeys(name for values in facts.metrics.splits.values() for name in values)
    known = [entry for name in names if (entry := metric(name, facts.made or "")) is not None]
    ways = {"max": "; higher is better", "min": "; lower is better", None: ""}
    return [(entry.name, entry.what + ways[entry.better]) for entry in known if entry.what]


def classes_table(facts: Facts) -> Table:
    """Figures by class, the worst ones where there are many."""
    classes = facts.metrics.per_class
    columns = list(dict.fromkeys(name for row in classes.values() for name in row if name != "support"))
    by = "f1" if "f1" in columns else columns[-1] if columns else ""
    names, note = list(classes) if columns else [], ""
    if len(names) > _MOST_ROWS:
        names = sorted(names, key=lambda name: classes[name].get(by, 2.0))[:_MOST_ROWS]
        note = f"The {_MOST_ROWS} classes with the lowest {by}, of {len(classes):,}; all are in metrics.json."
    shown = [(name, classes[name]) for name in names]
    rows = [[name, *(figure(row.get(at)) for at in columns), count(row.get("support"))] for name, row in shown]
    headings = ["class", *(column.replace("_", " ") for column in columns), "samples"]
    return Table("Test metrics by class", headings, rows, note)


def parts_table(facts: Facts) -> Table:
    """Folds, or final runs of a search, with their metrics."""
    runs = facts.inner_runs
    split = "test" if any("test" in run.figures for run in runs) else "validation"
    names = list(dict.fromkeys(name for run in runs for name in run.figures.get(split, {})))[:6]
    found = [(run, run.figures.get(split, {})) for run in runs]
    chosen = any(run.chosen for run in runs)
    what = lambda run: [run.path, run.state, *([run.chosen] if chosen else [])]
    rows = [[*what(run), *(figure(figures.get(name)) for name in names)] for run, figures in found]
    title = "Folds" if facts.kind == "folds" else "Final runs: the best values, trained again with other seeds"
    first = ["folder", "state", *(["network"] if chosen else [])]
    headings = [*first, *(f"{split} {name}" for name in names)]
    return Table(title, headings, rows, "Each has a report.html of its own.", len(first))


def groups_table(facts: Facts) -> Table:
    """The groups of a detector with their thresholds, and the false alarms of the test beside what is expected."""
    rows = []
    for entry in facts.metrics.groups:
        numbers = {name: values.number(entry.get(name)) for name in ("threshold", "false_alarm_rate")}
        expected = entry.get("expected")
        ends = [values.number(edge) for edge in expected] if isinstance(expected, list) else []
        counts = [count(values.number(entry.get(name))) for name in ("samples", "calibration", "normal")]
        name = values.text(entry.get("group")) or "(none)"
        own = "its own" if entry.get("own") is True else "the common one"
        share, told = figure(numbers["false_alarm_rate"]), " to ".join(map(figure, ends)) if len(ends) == 2 else ""
        rows.append([name, own, figure(numbers["threshold"]), *counts, share, told])
    by = values.text(facts.metrics.threshold.get("by"))
    counted_ones = ["test samples", "held-out samples", "normal test samples"]
    headings = [by or "group", "threshold of", "threshold", *counted_ones, "false-alarm rate", "expected (95%)"]
    note = (
        "The common threshold, of groups with too few held-out samples and of new ones, promises nothing for one group."
    )
    return Table(f"Thresholds by {by or 'group'}", headings, rows, note, 2)


def products_table(facts: Facts) -> Table:
    """The products, each with its test metrics, then their mean."""
    found = [(entry, values.figures(entry.get("test"))) for entry in facts.metrics.products]
    names = product_figures([{"test": figures} for _, figures in found])
    rows = []
    for entry, figures in found:
        told = [values.text(entry.get(name)) for name in ("product", "state", "network")]
        took = seconds(values.number(entry.get("seconds")) or None)
        rows.append([*told, *(figure(figures.get(name)) for name in names), took])
    means = facts.metrics.splits.get("test", {})
    if rows:
        rows.append(["mean", "", "", *(figure(means.get(name)) for name in names), ""])
    note = "products/ has a run folder of each, with a report.html of its own; products.csv has this table."
    headings = ["product", "state", "network", *(name.replace("_", " ") for name in names), "took"]
    return Table("Products", headings, rows, note, 3)


def failed_products(facts: Facts) -> list[str]:
    """Which products have failed, and why, in sentences."""
    told = [(values.text(entry.get("product")), values.text(entry.get("reason"))) for entry in facts.metrics.products]
    return [f"{name}: {reason}" for name, reason in told if reason]


def candidates_table(facts: Facts) -> Table:
    """The networks among which one was chosen, with their metrics on the validation split."""
    entries = facts.metrics.candidates
    found = [(entry, values.figures(entry.get("validation"))) for entry in entries]
    fields = distinct([values.mapping(entry.get("fields")) for entry in entries])
    names = list(dict.fromkeys(name for _, figures in found for name in figures))
    metric = _objective(facts)[0]
    names = [*(name for name in names if name == metric), *(name for name in names if name != metric)][:_MOST_METRICS]
    rows = []
    for (entry, figures), own in zip(found, fields):
        told = ", ".join(f"{name}={value(field)}" for name, field in own.items())
        state = "chosen" if entry.get("chosen") is True else values.text(entry.get("state"))
        best, epochs = (count(values.number(entry.get(name)) or None) for name in ("best_epoch", "epochs"))
        numbers = count(values.number(entry.get("parameters"))), f"{best} of {epochs}" if best else epochs
        measured = (figure(figures.get(name)) for name in names)
        took = seconds(values.number(entry.get("seconds")))
        rows.append([values.text(entry.get("name")), told, state, *measured, *numbers, took])
    headings = ["network", "fields", "", *(f"validation {name}" for name in names)]
    return Table("Candidates", [*headings, "parameters", "best epoch", "training"], rows, "", 3)


def choice(facts: Facts) -> list[str]:
    """How the network was chosen, in sentences."""
    entries = facts.metrics.candidates
    if not facts.metrics.chosen:
        return []
    told = labels([(values.text(entry.get("name")), values.mapping(entry.get("fields"))) for entry in entries])
    name = next(label for entry, label in zip(entries, told) if entry.get("chosen") is True)
    metric, direction = _objective(facts)
    by = f"has the {extreme(direction)} {metric} of {len(entries)} candidates on the validation split"
    seen = "being the best of several it may be a little too good there; the test split was used for it alone"
    failed = [(entry, label) for entry, label in zip(entries, told) if entry.get("state") == "failed"]
    left = [f"{label} was left out: {values.text(entry.get('reason'))}" for entry, label in failed]
    return [f"{name} was chosen: it {by}. {seen[0].upper()}{seen[1:]}.", *left]


def _objective(facts: Facts) -> tuple[str, str]:
    """(metric without val_, max or min) that a network was chosen by."""
    told = values.mapping(facts.section("search").get("objective"))
    return values.text(told.get("metric")).removeprefix("val_"), values.text(told.get("direction"))


def leaderboard_table(facts: Facts) -> Table:
    """The trials of a search, the best first."""
    rows = facts.search.rows
    often_empty = {name for name in ("parent", "reason") if not any(row.get(name) for row in rows)}
    columns = [name for row in rows[:1] for name in row if name not in {"by_epoch", *often_empty}]
    whole = {"rank", "trial", "best_epoch", "epochs", "parent"}

    def cell(name: str, text: str) -> str:
        return text if name in whole or (number := values.parsed(text)) is None else value(number)

    cells = [[cell(name, row.get(name, "")) for name in columns] for row in rows[:_MOST_TRIALS]]
    left = f"The first {_MOST_TRIALS} of {len(rows):,} trials; all are in leaderboard.csv."
    headings = ["best epoch" if name == "best_epoch" else name for name in columns]
    return Table("Trials", headings, cells, left if len(rows) > _MOST_TRIALS else "")


def pairs_table(facts: Facts) -> Table:
    """Which classes are predicted as which, most frequent first."""
    rows = [[true or "none", told or "none", count(number)] for true, told, number in facts.failures.pairs]
    return Table("Most frequent confusions", ["true", "predicted", "count"], rows, figures_from=2)


def samples_table(facts: Facts) -> Table:
    """The samples that go wrong most clearly."""
    rows = [list(row) for row in facts.failures.samples]
    if facts.made is Kind.REGRESSOR:
        predicted = "predicted" if facts.failures.total is None else "predicted (interval)"
        return Table("The largest errors", ["sample", "true", predicted, "absolute error"], rows)
    return Table("The clearest mistakes", ["sample", "true", "predicted", "confidence"], rows, figures_from=4)


def exports_table(facts: Facts) -> Table:
    """What has been exported, and how it was proven."""
    headings: list[str] = []
    rows = []
    for place, manifest in facts.exports.items():
        proof = values.figures(manifest.get("proof"))
        cells = {
            "folder": place + (" (of an earlier model)" if manifest["outdated"] else ""),
            "samples": count(proof.get("samples")),
            "largest difference": f"{proof['largest_difference']:.1e}" if "largest_difference" in proof else "",
            "flipped answers": count(proof.get("flips")),
            "accuracy lost": signed(proof.get("accuracy_loss")) if manifest.get("quantize") else "",
            "ms per sample": figure(proof.get("milliseconds_per_sample")),
            "MB": f"{proof['bytes'] / 1e6:.2f}" if "bytes" in proof else "",
        }
        rows.append(list(cells.values()))
        headings = list(cells)
    by = "Held-out samples went through the exported model in its own runtime, one at a time"
    note = f"{by}; manifest.json in each folder has the details."
    return Table("Exports", headings, rows, note)


def what_table(facts: Facts) -> list[tuple[str, str]]:
    """(name, value) of what was trained."""
    metrics, status, environment, time = facts.metrics, facts.status, facts.environment, facts.metrics.seconds
    epochs, asked = len(facts.history) or values.number(status.get("epoch")), values.number(status.get("epochs"))
    done = f"{count(epochs)}" + (f" of {count(asked)}" if asked and asked != epochs else "") if epochs else ""
    done = "" if metrics.blend else done  # whose parts have epochs each
    kept = f"; epoch {metrics.best_epoch} is the model" if metrics.best_epoch else ""
    found = [
        ("pipeline", facts.name),
        ("task", facts.task),
        ("kind", _KINDS.get(facts.kind, "").format(len(facts.inner_runs) or len(metrics.products))),
        ("network", facts.network if facts.kind != "search" else ""),
        ("blend of", metrics.blend),
        ("parameters", count(values.number(metrics.network.get("parameters")))),
        ("seed", values.text(facts.pipeline.get("seed"))),
        ("state", facts.state + (f": {reason}" if (reason := values.text(status.get("reason"))) else "")),
        ("epochs", done + kept if done else ""),
        ("begun", instant(status.get("started"))),
        ("last written", instant(status.get("updated"))),
        ("took", seconds(time.get("total") or time.get("search", 0.0) + time.get("final", 0.0) or None)),
        ("device", values.text(environment.get("device"))),
    ]
    return [(name, text) for name, text in found if text]


def search_table(facts: Facts) -> list[tuple[str, str]]:
    """(name, value) of how a search went and what it found."""
    summary = facts.search.summary
    settings = facts.section("search")
    trials = values.figures(summary.get("trials"))
    goal = f"the {extreme(values.text(summary.get('direction')))} {values.text(summary.get('metric'))}"
    best = f"{figure(values.number(summary.get('score')))} by trial {values.text(summary.get('trial'))}"
    found = [
        ("algorithm", values.text(settings.get("algorithm"))),
        ("objective", goal if summary else ""),
        ("best", best if summary else ""),
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
    lines, test = [], facts.metrics.splits.get("test", {})
    temperature = facts.metrics.temperature
    if temperature == 1:
        none = "Probabilities are not calibrated: no temperature was requested, or none improved them"
        lines.append(f"{none} on the validation split.")
    elif temperature is not None:
        way = "overconfident" if temperature > 1 else "underconfident"
        lines.append(
            f"The logits are divided by a temperature of {temperature:.3f}, fitted on the validation split "
            f"(Guo et al. 2017): before, the model was {way}."
        )
    if "ece" in test:
        lines.append(f"On the test split confidence and accuracy differ by {figure(test['ece'])} on average (ece).")
    threshold, now = facts.metrics.threshold, facts.metrics.threshold_now
    rate, then = values.number(threshold.get("false_alarm_rate")), values.number(threshold.get("threshold"))
    if rate is not None and not facts.metrics.about:
        lines.append(f"The threshold {figure(then)} is set to give an alarm for {percent(rate)} of normal samples.")
    if now is not None and then is not None and now != then:
        lines.append(
            f"The threshold has been changed since: it is {figure(now)} now. The metrics and verdicts here "
            f"are those of the earlier threshold, {figure(then)}."
        )
    return lines
