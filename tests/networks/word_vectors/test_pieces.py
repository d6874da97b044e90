"""Words and pieces as BERT's uncased tokenizer has them."""

import unicodedata

import pandas as pd
import pytest

from tfpipelines.networks.word_vectors import pieces_of, split_words

from ...conftest import ROOT

ODD = (
    "Naïve|BEYONCÉ'S|İstanbul|don't|e-mail@home.com|$4.99|C++|f(x)=y^2|well—known…|«ça»|电影很好|abc电影|カタカナ|한국어|"
    "Привет|ёлка|Ωμέγα|a\u0301\u0327b|zero\u200bwidth|soft\u00adhyphen|a\u00a0b\u3000c|tab\there|null\x00here|☃|snow☃|½|"
    "x²|[UNK]|[CLS]x|##ing|#1|pneumonoultramicroscopicsilicovolcanoconiosis|| |...|अच्छा|ดีมาก|مرحبا"
).split("|") + ["o" * 100, "o" * 101]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Film", ["film"]),
        ("Naïve ÉTÉ", ["naive", "ete"]),
        ("Beyoncé's C++", ["beyonce", "'", "s", "c", "+", "+"]),
        ("a\u0301b", ["ab"]),
        ("x电影y", ["x", "电", "影", "y"]),
        ("«so»—no…", ["«", "so", "»", "—", "no", "…"]),
        ("zero\u200bwidth\x00 a\u00a0b", ["zerowidth", "a", "b"]),
        ("5€ ☃", ["5€", "☃"]),  # symbols beyond ASCII are no punctuation
        ("##ing [UNK]", ["#", "#", "ing", "[", "unk", "]"]),
        ("\u0301 \t", []),
    ],
)
def test_words(text, words):
    assert split_words(text) == words


def test_pieces_are_the_longest():
    known = {"un", "una", "##able", "##a", "##ff", "##ffable", "x"}
    assert pieces_of("unaffable", known) == ["una", "##ffable"]
    assert pieces_of("x", known) == ["x"] and pieces_of("able", known) is None
    assert pieces_of("unq", known) is None
    assert pieces_of("x" + "a" * 99, known) == ["x"] + ["##a"] * 99 and pieces_of("x" + "a" * 100, known) is None


@pytest.mark.slow
def test_as_kerashub_cuts(known):
    keras_hub = pytest.importorskip("keras_hub")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = [*special, *known]
    plain = keras_hub.models.BertTokenizer(vocabulary, lowercase=False, dtype="string")
    whole = keras_hub.models.BertTokenizer(vocabulary, lowercase=True, strip_accents=True, dtype="string")
    reviews = pd.read_csv(ROOT / "data" / "reviews" / "reviews.csv")["text"].iloc[:300]
    compared = 0
    for text in ODD + reviews.tolist():
        words = split_words(text)
        mine = [piece for word in words for piece in pieces_of(word, known) or ["[UNK]"]]
        assert list(map(str, plain(" ".join(words)))) == mine, text
        # KerasHub folds compatible characters, too, splits at invisible ones, and keeps Hangul composed, unlike BERT.
        if unicodedata.normalize("NFKC", text).casefold() == text.lower() and text.isprintable() and "한" not in text:
            assert list(map(str, whole(text))) == mine, text
            compared += 1
    assert compared > 300
