"""The form that texts are brought into before anything looks at them: characters, white space, and what a word stands
for.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from ..core.config.texts import REPLACED
from ..core.words import nearest
from ..errors import ConfigError

_OTHER_SPACE = re.compile(r"[^\S\x00-\x7f]")
_LAST = r"[^\s<>\"'.,;:!?)\]}]"  # what an address may end with
_HOST = r"(?:[A-Za-z0-9-]+\.)+(?:com|org|net|edu|gov|co)(?:\.[a-z]{2})?(?![\w-]|\.\w)"
_FREE, _MOUTH = r"(?<![\w:;=])", r"(?![\w:;=])"  # beside a letter that is a mouth
_ALONE, _END = r"(?<!\S)", r"(?![^\s.,!?])"
_EMOTICONS = (  # the groups of GloVe's preprocessing of tweets, and a few more
    r"(?P<brokenheart></3+(?!\w))"
    r"|(?P<heart>(?<!\w)(?:<3+)+(?!\w|\.\d))"
    rf"|(?P<wink>{_FREE};[-'^o]?(?:[)\]]+(?!\w)|D+{_MOUTH}))"
    rf"|(?P<laugh>{_FREE}[:=xX][-'^o]?D+{_MOUTH})"
    rf"|(?P<tongue>{_FREE}[:;=][-'^o]?[pP]+{_MOUTH})"
    rf"|(?P<smile>(?<![\d:;=])(?:[:=]|8(?=-))[-'^o]{{0,2}}[)\]]+(?!\w)|{_ALONE}\([-'^]?[:;=]{_END}|{_ALONE}\^[_.-]?\^{_END})"
    rf"|(?P<sad>>?(?:(?<![\d:;=])[:=]|{_FREE};)[-'^o]{{0,2}}[(\[]+(?!\w)|{_ALONE}(?:\)[-'^]?[:;=]|T_+T|;_+;|>[_.]+<){_END})"
    rf"|(?P<surprise>{_FREE}[:=][-'^]?[oO]+{_MOUTH}|{_ALONE}[oO]_+[oO]{_END})"
    rf"|(?P<neutral>{_FREE}:[-'^]?[|/\\](?![\w/\\])|{_ALONE}-_+-{_END})"
)
_SIGN = "[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_SKIN = "[\U0001f3fb-\U0001f3ff]"
_EMOJI = (
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3"
    f"|{_SIGN}{_SKIN}?(?:\ufe0f?\u200d{_SIGN}{_SKIN}?)*[\U000e0020-\U000e007f]*)"
)
# What `data.replace` names -> (regular expression, what stands for each match). Runs have learned from texts that these
# were applied to: another expression is another name.
RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "urls": (
        (
            rf"(?:https?|ftp)://[^\s<>\"]*{_LAST}|(?<![\w@.-])(?:www\.[^\s<>\"]*{_LAST}|{_HOST}(?:/(?:[^\s<>\"]*{_LAST})?)?)",
            " urltoken ",
        ),
    ),
    "emails": ((r"(?<![\w.+-])[\w.+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?![\w-])", " emailtoken "),),
    "users": ((r"(?<![\w@./])@\w+(?![\w@])", " usertoken "),),
    "emoticons": ((_EMOTICONS, " emoticon{} "), (rf"({_EMOJI})\ufe0f*", r" \1 ")),
    "numbers": ((r"(?<!\w)(?<!\d[.,:/-])\d+(?:[.,:/-]\d+)*(?!\w|[.,:/-]\d|\ufe0f?\u20e3)", " numbertoken "),),
}
_COMPILED = {name: [(re.compile(found), put) for found, put in rules] for name, rules in RULES.items()}
_HINTS = {  # without which there is no match, and which is soon looked for
    "urls": re.compile(r"://|www\.|\.(?:com|org|net|edu|gov|co)"),
    "emails": re.compile("@"),
    "users": re.compile("@"),
    "emoticons": re.compile(r"[:;=<^_]|-_|8-|[xX][-'^o]?D|[^\x00-\x7f]"),
    "numbers": re.compile(r"\d"),
}
_SPACES = re.compile(" {2,}")


@dataclass(frozen=True)
class TextForm:
    """What is done to each text in reading; a call gives the text in its form, and of that the same again.

    Args:
        normal: whether characters are composed and white space is plain, see `composed`. Runs of earlier versions have
            learned texts as they are written.
        replace: the field of the same name in `data`: keys of `RULES`.
    """

    normal: bool = True
    replace: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        text = composed(text) if self.normal else text
        while self.replace and (after := self._replaced(text)) != text:  # spaces around a word may uncover another
            text = after
        return text

    def _replaced(self, text: str) -> str:
        for name in REPLACED:
            if name not in self.replace or not _HINTS[name].search(text):
                continue
            for found, put in _COMPILED[name]:
                text = found.sub(_of_group(put) if "{}" in put else put, text)
        return _SPACES.sub(" ", text).strip(" ")

    @property
    def facts(self) -> dict[str, object]:
        """For data.json."""
        return {
            **({"text_form": "NFC"} if self.normal else {}),
            **({"replaced": list(self.replace)} if self.replace else {}),
        }

    def words(self) -> list[str]:
        """What a caller of the model has to do, in sentences; [] for nothing."""
        told = [_NORMAL] if self.normal else []
        if self.replace:
            rules = [(found, put) for name in REPLACED if name in self.replace for found, put in RULES[name]]
            listed = "; ".join(f"{found} by {_quoted(put)}" for found, put in rules)
            told.append(
                "Then replace words, again and again until nothing changes, as tfpipelines.normal_text(text, "
                f"replace={list(self.replace)}) does: in this order, each match of a regular expression of Python's re "
                f"by what is named behind it, then runs of spaces by one, and none at the ends. {listed}."
            )
        return told

    def about(self) -> list[str]:
        """For reports: what stands for what."""
        return [f"texts: {'; '.join(_ABOUT[name] for name in self.replace)}"] if self.replace else []


_NORMAL = (
    "Bring each text into Unicode's form NFC and replace white space outside of ASCII by a space, as "
    "unicodedata.normalize('NFC', text) and re.sub(r'[^\\S\\x00-\\x7f]', ' ', text) do in Python: the graph does not."
)
_ABOUT = {
    "urls": "URLs are read as urltoken",
    "emails": "e-mail addresses as emailtoken",
    "users": "user names as usertoken",
    "emoticons": "emoticons as emoticonsmile, emoticonsad and so on, emoji as words of their own",
    "numbers": "numbers as numbertoken",
}


def normal_text(text: str, replace: Iterable[str] = ()) -> str:
    """A text in the form that a model of texts has learned: what `model.keras` and exports are to be given.

    Characters are composed (Unicode's NFC), and each white space character outside of ASCII, such as the no-break
    space, is a space.

    Args:
        text: a text.
        replace: the run's `data.replace`: any of urls, emails, users, emoticons and numbers, for each of which a word
            then stands.

    Returns:
        The text, of which the same comes again.

    Raises:
        ConfigError: if there is no such thing to replace.
    """
    names = tuple(replace)
    for name in names:
        if name not in REPLACED:
            likely = nearest(name, REPLACED)
            remedy = f"Did you mean {likely}?" if likely else ""
            raise ConfigError(f"replace: got {name!r}; allowed: {', '.join(REPLACED)}.", remedy)
    return TextForm(replace=names)(text)


def composed(text: str) -> str:
    """The one form of texts that look alike: composed characters (Unicode's NFC), and a space for each white space
    character outside of ASCII.
    """
    return text if text.isascii() else _OTHER_SPACE.sub(" ", unicodedata.normalize("NFC", text))


def has_emoticons(text: str) -> bool:
    """Whether `data.replace=[emoticons]` finds one."""
    return any(found.search(text) for found, _ in _COMPILED["emoticons"])


def _of_group(put: str):
    """A function of a match to a word that its group is named in."""
    return lambda match: put.format(match.lastgroup)


def _quoted(put: str) -> str:
    return f"{put.format('NAME')!r}, NAME being that of its group" if "{}" in put else repr(put)
