"""The `data` section of tasks that read texts."""

from typing import Annotated, Literal

from pydantic import Field

from .data import LabelledData
from .section import FIXED, LEFT_TO_RIGHT, Auto, Count, Role


class TextSource(LabelledData):
    """Where the texts are, and how much of each is read."""

    path: Annotated[str, Role.PATH] = Field(
        description="a table (.csv .tsv .jsonl .parquet), a folder of text files, or sample:NAME",
        min_length=1,
        json_schema_extra=FIXED,
    )
    text_column: Annotated[str | None, Role.READING] = Field(
        None, description="table: the column of texts", json_schema_extra=FIXED
    )
    multi_label: Annotated[Auto | bool, LEFT_TO_RIGHT] = Field(
        "auto",
        description="whether a row may have several labels, as a|b or a list; auto: where one has",
        json_schema_extra=FIXED,
    )
    max_length: Annotated[Auto | Count, LEFT_TO_RIGHT] = Field(
        "auto", description="tokens of a text that are read; auto: all, at most 512 (char: 2048)"
    )


class TextData(TextSource):
    """Texts, and how they become tokens."""

    level: Literal["word", "char", "ngram"] = Field(
        "word", description="what a token is; char: for scripts without spaces; ngram: words and word n-grams"
    )
    ngrams: Annotated[int, Field(ge=2, le=5)] = Field(2, description="level ngram: the longest one")
    standardize: Literal["lower_and_strip_punctuation", "lower", "strip_punctuation", "none"] = Field(
        "lower_and_strip_punctuation", description="what happens to ASCII letters and signs before the text is cut"
    )
    vocabulary: Count = Field(20_000, description="most tokens that are told apart; the others are one unknown token")
    min_count: Count = Field(1, description="tokens that occur less often in training are unknown, too")
    vectors: Annotated[str | None, Role.PATH] = Field(
        None,
        description="file of word vectors to begin with: .txt (GloVe), .vec (word2vec, fastText) or .npz (words, "
        "vectors)",
        json_schema_extra=FIXED,
    )
