"""The `data` section of tasks that read texts."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from .data import Columns, LabelledData
from .fields import field, fixed
from .section import AutoCount, Count, Role, as_list

REPLACED = ("urls", "emails", "users", "emoticons", "numbers")  # in this order
_Replaced = Literal["urls", "emails", "users", "emoticons", "numbers"]


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in REPLACED if name in names)


Replace = Annotated[
    tuple[_Replaced, ...],
    BeforeValidator(as_list, json_schema_input_type=_Replaced | tuple[_Replaced, ...]),
    AfterValidator(_in_order),
]


def _distinct(columns: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
    if isinstance(columns, tuple) and len({*columns}) < len(columns):
        raise ValueError("names a column twice")
    return columns


def _alone(columns: Any) -> Any:
    """The only column of a list."""
    return columns[0] if isinstance(columns, (list, tuple)) and len(columns) == 1 else columns


TextColumns = Annotated[Columns, BeforeValidator(_alone), AfterValidator(_distinct)]

BUNDLED = "bundled"  # the word vectors that come with the package


class TextSource(LabelledData):
    """Where the texts are, and how much of each is read."""

    path: Annotated[str, Role.PATH] = fixed(
        ...,
        "a table (.csv .tsv .json .jsonl .parquet .xlsx, also .gz), a folder of text files, "
        "shards (TFRecord, WebDataset, Parquet), the URL of one (https s3 gs hf), or sample:NAME",
        min_length=1,
    )
    text_column: Annotated[TextColumns, Role.READING] = fixed(
        None, "table: the column of texts; or several, such as [title, body], joined by line feeds in this order"
    )
    replace: Replace = field(
        (),
        "what one word each stands for: urls, emails, users (@name), emoticons (emoji are set apart), numbers; "
        "texts are read so in training, checks and prediction",
    )
    max_length: AutoCount = field(
        "auto",
        "maximum number of tokens of a text, or of a chunk; auto: all, at most 512 (char: 2048), of a chunk half of it",
    )
    long: Literal["cut", "chunks"] = field(
        "cut",
        "texts of more than max_length tokens: cut: the rest is not read; chunks: the network reads them in up to 32 "
        "chunks of max_length tokens, and takes the mean",
    )


class TextData(TextSource):
    """Texts, and how they become tokens."""

    level: Literal["word", "char", "ngram"] = field(
        "word", "what a token is; char: for scripts without spaces; ngram: words and word n-grams"
    )
    ngrams: Annotated[int, Field(ge=2, le=5)] = field(2, "level ngram: maximum length")
    standardize: Literal["lower_and_strip_punctuation", "lower", "strip_punctuation", "none"] = field(
        "lower_and_strip_punctuation", "normalization of ASCII letters and punctuation before tokenization"
    )
    vocabulary: Count = field(20_000, "vocabulary size; all other tokens become one unknown token")
    min_count: Count = field(
        1, "minimum number of occurrences of a token in the training split; rarer ones are unknown, too"
    )
    vectors: Annotated[str | None, Role.VECTORS] = fixed(
        None,
        "word vectors to begin with: bundled: those of the package, English; or a file: .txt (GloVe), .vec (word2vec, "
        "fastText) or .npz (words, vectors)",
    )

    @model_validator(mode="after")
    def _vectors_of_words(self) -> Self:
        if self.vectors == BUNDLED and self.level == "char":
            raise ValueError(
                "data.vectors: bundled has vectors of words, and with data.level=char tokens are characters; "
                "set data.level=word, or leave data.vectors out"
            )
        return self
