"""The form of texts: what one word stands for, and that the same comes of what is in the form already."""

import random
import re

import pytest

from tfpipelines import ConfigError, normal_text
from tfpipelines.core.config.texts import REPLACED, TextData
from tfpipelines.datasets.text_form import _HINTS, RULES, TextForm
from tfpipelines.models import token_cutter


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("urls", "see http://x.y/a_b?c=1, or www.foo.com/b. or t.co/x", "see urltoken , or urltoken . or urltoken"),
        ("urls", "a@b.com end.de John.Smith", "a@b.com end.de John.Smith"),
        ("emails", "ask a.b+c@mail.example.org, @joe", "ask emailtoken , @joe"),
        ("users", "@joe_1: thanks@home, x@y.de (@ann)", "usertoken : thanks@home, x@y.de ( usertoken )"),
        ("numbers", "1,000.50 on 2024-01-05 at 12:30, -3 and 50%", None),
        ("numbers", "3.5mm b2b 4th mp3 x2", "3.5mm b2b 4th mp3 x2"),
        ("emoticons", ":-) :)) =] (: ^_^ great:)", " ".join(["emoticonsmile"] * 5 + ["great", "emoticonsmile"])),
        ("emoticons", ":( :'-( >:( ;( T_T", " ".join(["emoticonsad"] * 5)),
        ("emoticons", ":D xD ;) :P :O :/ -_-", None),
        ("emoticons", "<3 <3<3 </3", "emoticonheart emoticonheart emoticonbrokenheart"),
        ("emoticons", "wow😀😀 👍🏽 ❤️ 🇩🇪🇫🇷 👩‍👩‍👧!", "wow 😀 😀 👍🏽 ❤ 🇩🇪 🇫🇷 👩‍👩‍👧 !"),
        ("emoticons", "(see 8) items:(a) D: x<3.5 http://a 5:3", "(see 8) items:(a) D: x<3.5 http://a 5:3"),
    ],
)
def test_what_one_word_stands_for(name, text, expected):
    if expected is None:
        expected = {
            "numbers": "numbertoken on numbertoken at numbertoken , - numbertoken and numbertoken %",
            "emoticons": "emoticonlaugh emoticonlaugh emoticonwink emoticontongue emoticonsurprise emoticonneutral "
            "emoticonneutral",
        }[name]
    assert normal_text(text, [name]) == expected
    assert normal_text(text) == text  # nothing is replaced unless it is asked for


def test_addresses_come_before_what_looks_like_a_part_of_them():
    text = "http://a.b/@c:)8 to d@e.org: @f 7 :)"
    assert normal_text(text, reversed(REPLACED)) == ("urltoken to emailtoken : usertoken numbertoken emoticonsmile")


def test_a_text_in_the_form_stays_as_it_is_and_hints_miss_nothing():
    draw = random.Random(0)
    parts = [
        *":;=)(-'^D3<>/pPoO0128 .,@axw\nT_|\\[]h",
        "http://",
        "www.",
        ".com",
        "a@b.de",
        ":)",
        "😀",
        "❤️",
        "\u200d",
        "1️⃣",
    ]
    for _ in range(3000):
        text = "".join(draw.choices(parts, k=draw.randint(0, 20)))
        form = TextForm(replace=tuple(name for name in REPLACED if draw.random() < 0.6))
        assert form(form(text)) == form(text), text
        for name, rules in RULES.items():
            assert _HINTS[name].search(text) or not any(re.search(found, text) for found, _ in rules), text


@pytest.mark.parametrize("part", ["^", ":D", "<3", "@a", "1,", "a.", "a@", "www..", "(: ", "x.com/", "T_T"])
def test_time_grows_as_texts_do(part):
    passes = []
    form = TextForm(replace=REPLACED)
    text = part * 3000
    while not passes or passes[-1] != text:
        passes.append(text)
        text = form._replaced(text)
    assert len(passes) < 6


@pytest.mark.parametrize("standardize", ["lower_and_strip_punctuation", "lower", "strip_punctuation", "none"])
def test_each_word_is_one_token(standardize):
    words = [put.format(group).strip() for rules in RULES.values() for _, put in rules for group in ("smile", "sad")]
    words = [word for word in words if word.isascii() and "\\" not in word]
    assert {"urltoken", "emoticonsad"} <= {*words}
    cutter = token_cutter("word", 2, standardize)
    ((tokens, lengths),) = cutter.cut([*words, normal_text("gut😀", ["emoticons"])])
    assert [token.decode() for token in tokens] == [*words, "gut", "😀"] and lengths.tolist() == [1] * len(words) + [2]


def test_the_field_takes_names_in_any_order():
    assert TextData(path="x", replace=["numbers", "urls", "urls"]).replace == ("urls", "numbers")
    assert TextData(path="x", replace="users").replace == ("users",) and TextData(path="x").replace == ()
    with pytest.raises(ConfigError, match="url(?s:.*)Did you mean urls"):
        normal_text("a", ["url"])
