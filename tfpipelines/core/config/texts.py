"""The `data` section of tasks that read texts."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .data import LabelledData
from .fields import field, fixed
from .section import AutoCount, Count, Role

BUNDLED = "bundled"  # the word vectors that come with the package


class TextSource(LabelledData):
    """Where the texts are, and how much of each is read."""

    path: Annotated[str, Role.PATH] = fixed(
        ..., "a table (.csv .tsv .jsonl .parquet), a folder of text files, or sample:NAME", min_length=1
    )
    text_column: Annotated[str | None, Role.READING] = fixed(None, "table: the column of texts")
    max_length: AutoCount = field(
        "auto",
        "maximum number of tokens of a text; the rest is cut off; auto: all, at most 512 (char: 2048)",
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
