"""From a source of texts to samples that can be trained on: read, checked, split."""

import re

import numpy as np
import pandas as pd

from ..core.config.texts import TextSource
from ..core.splits import SPLITS
from ..core.words import counted, listed
from .findings import Findings
from .sample_table import given_splits, places
from .samples import Samples, split_and_limit
from .text_form import TextForm, has_emoticons
from .text_table import (
    has_content,
    has_foreign_capitals,
    is_unspaced,
    read_text_source,
    text_fingerprints,
    unspaced_share,
    without_form,
)
from .tokens import Sequences

_JOINED = re.compile(r"[^\W\d_]{2,}[,;:.!?|]+(?=([^\W\d_]{2,}))")
_ADDRESS = re.compile(r"\S+://\S+|www\.\S+|\S+@\S+\.\S+", re.I)
_MANY_JOINED = 0.1  # share of texts with more than two such pairs


def read_text_samples(
    data: TextSource,
    findings: Findings,
    *,
    seed: int = 0,
    standardize: str = "lower_and_strip_punctuation",
    level: str = "word",
    splitting: bool = True,
    normal: bool = True,
    promised: bool = False,
) -> Samples:
    """Reads and splits a source of texts. The store is left to whoever knows how texts become ids.

    Args:
        findings: everything worth saying is added to it; errors among it are raised by the caller.
        seed: of the splits.
        standardize, level: how texts become tokens, see `TextData`.
        splitting: with False rows keep the splits they were given, if any.
        normal: see `TextForm`.
        promised: see `split_and_limit`.

    Raises:
        DataError, ConfigError: if it cannot go on.
    """
    table = read_text_source(data, training=splitting, normal=normal)
    empty = np.array([not has_content(text) for text in table.frame["text"]], bool)
    if empty.any():
        message = f"{counted(int(empty.sum()), 'row')} without any text"
        items, given = places(table.frame[empty]), given_splits(table.frame)
        table.findings.bad("empty_text", data.on_bad, message, "Give them a text.", items, given, empty)
        table = table.keep(~empty)
    findings.extend(table.findings)
    table = split_and_limit(table, data, seed, splitting, findings, promised)
    texts = table.frame["text"]
    hashed = lambda texts: pd.array(text_fingerprints(texts), "uint64")
    frame = table.frame.assign(fingerprint=hashed(texts), content=hashed(map(without_form, texts)))
    if level in ("word", "ngram") and is_unspaced(texts):
        what = f"{unspaced_share(texts):.0%} of the letters are of scripts written without spaces"
        message = f"{what}, whose sentences would be taken for words"
        findings.add("unspaced", "warning", message, "Set data.level=char")
    plain = (_ADDRESS.sub(" ", text) for text in texts)
    joined = [text for text in plain if len(_JOINED.findall(text)) > 2] if "strip" in standardize else []
    if level != "char" and len(joined) > _MANY_JOINED * len(texts):
        pair = _JOINED.search(joined[0])
        example = pair[0] + pair[1] if pair else ""
        what = f"{counted(len(joined), 'text')} with words joined by punctuation without spaces, such as {example!r}"
        message = f"{what}: data.standardize removes the punctuation, so that they become one token"
        findings.add("joined", "warning", message, "Put spaces after punctuation, or set data.level=char")
    if "lower" in standardize and has_foreign_capitals(texts):
        message = "Capital letters outside of A to Z stay as they are: text preprocessing lowercases ASCII letters only"
        findings.add("capitals", "note", message, "Lowercase them in the data if case does not matter")
    form = TextForm(normal, data.replace)
    facts = {"path": data.path, "read_seconds": table.source.seconds, **form.facts}
    facts |= {"read_columns": table.read_columns} if table.read_columns else {}
    facts |= {"split_by": table.split_by} if table.split_by else {}
    read, about = table.read_columns.get("text"), form.about()
    if isinstance(read, tuple):
        about = [f"texts: the columns {listed(list(read))} joined by line feeds, in this order", *about]
    facts |= {"about": about} if about else {}
    return Samples(frame, None, facts)


def check_tokens(
    samples: Samples,
    tokens: Sequences,
    known: Sequences,
    vocabulary: int,
    max_length: int,
    on_bad: str,
    findings: Findings,
    chunk: int | None = None,
) -> Samples:
    """Reports lengths and how much of each split the vocabulary covers, and names texts of unknown words alone.

    Those of training are bad rows, by `on_bad`; in other splits they stay, or the metrics would flatter.

    Args:
        samples: in their splits.
        tokens: ids of every text.
        known: the same without unknown ones.
        vocabulary: number of known tokens.
        max_length: tokens that are read of a text.
        chunk: tokens of the chunks that it is read in; None: as a whole.

    Returns:
        The samples that are left.
    """
    frame = samples.frame
    rows = {split: samples.rows(split) for split in SPLITS if len(samples.rows(split))}
    facts = _lengths(samples, tokens, vocabulary, max_length, chunk)
    share = lambda some: round(float(known.lengths[some].sum() / max(tokens.lengths[some].sum(), 1)), 4)
    facts["coverage"] = {split: share(some) for split, some in rows.items()}
    covered = "".join(f", {part:.1%} of {split}" for split, part in facts["coverage"].items() if split != "train")
    train = f"{facts['coverage']['train']:.1%} of training"
    facts["about"].append(f"vocabulary: {vocabulary:,} tokens, which cover {train}{covered}")
    long = (tokens.lengths[frame.index] > max_length).sum()
    remedy = "Raise data.max_length to read more" + (
        ", or read longer texts by data.long=chunks" if chunk is None else ""
    )
    _tell_cut(long, len(frame), max_length, findings, remedy)
    unknown = known.lengths[frame.index] == 0
    if unknown.any():
        training = unknown & (frame["split"] == "train").to_numpy()
        kept = unknown & ~training
        if training.any():
            message = f"{counted(int(training.sum()), 'training text')} with unknown words only"
            remedy = "Lower data.min_count, or raise data.vocabulary."
            none = int((tokens.lengths[frame.index[training]] == 0).sum())
            if none:
                message += f", {none} of them nothing but punctuation, which data.standardize removes"
                remedy = punctuation_remedy(frame["text"][training]) + (f" {remedy}" if none < training.sum() else "")
            findings.bad(
                "unknown_text", on_bad, message, remedy, places(frame[training]), given_splits(frame), training
            )
        if kept.any():
            what = f"{counted(int(kept.sum()), 'text')} with unknown words only"
            message = f"{what}: for them the model can only predict how frequent classes are"
            findings.add("unknown_text", "warning", message, "", places(frame[kept]))
        if on_bad != "error":
            frame = frame[~training]
    return Samples(frame, samples.store, {**samples.facts, **facts})


def punctuation_remedy(texts: pd.Series) -> str:
    """What to do if nothing is left of texts but punctuation."""
    smiling = any(map(has_emoticons, texts))
    more = ", or make emoticons words by data.replace=[emoticons]" if smiling else ""
    return f"Keep punctuation by data.standardize=lower{more}."


def check_pieces(
    samples: Samples, pieces: Sequences, vocabulary: int, max_length: int, long: int, findings: Findings
) -> Samples:
    """Reports lengths of texts cut by a tokenizer that knows all of them, at most `max_length` pieces of each.

    Args:
        samples: in their splits.
        pieces: ids of every text.
        vocabulary: how many pieces the tokenizer tells apart.
        long: how many texts are cut.
    """
    _tell_cut(long, len(samples.frame), max_length, findings)
    facts = _lengths(samples, pieces, vocabulary, max_length)
    return Samples(samples.frame, samples.store, {**samples.facts, **facts})


def _lengths(samples: Samples, tokens: Sequences, vocabulary: int, max_length: int, chunk: int | None = None) -> dict:
    """Facts of how long the texts of each split are."""
    facts: dict = {"vocabulary": vocabulary, "max_length": max_length, "lengths": {}}
    for split in SPLITS:
        lengths = tokens.lengths[samples.rows(split)]
        if len(lengths):
            low, middle, high = map(float, np.percentile(lengths, [5, 50, 95]))
            facts["lengths"][split] = {"5%": low, "median": middle, "95%": high, "longest": int(lengths.max())}
    low, middle, high, longest = facts["lengths"]["train"].values()
    parts = "" if chunk is None else f", in chunks of {chunk}"
    facts |= {} if chunk is None else {"chunk": chunk}
    told = f"{low:.0f} to {high:.0f} tokens (5% to 95% of training), median {middle:.0f}, longest {longest}"
    facts["about"] = [*samples.facts.get("about", []), f"texts: {told}; at most {max_length} are read{parts}"]
    return facts


def _tell_cut(
    count: int, of: int, max_length: int, findings: Findings, remedy: str = "Raise data.max_length to read more"
) -> None:
    if count:
        message = f"{count} of {of} texts are longer than {max_length} tokens, and cut"
        findings.add("cut", "note", message, remedy)
