"""A linear model of n-grams."""

from typing import Annotated, Literal

import keras
from pydantic import Field

from tfpipelines.core.config.networks import LinearTexts
from tfpipelines.core.config.section import Count
from tfpipelines.networks.text_layers import Texts
from tfpipelines.networks.texts.linear_models.graph import compiled


def rule_parts(words, characters, vectors):
    if not words and not characters and not vectors:
        raise ValueError("model.words=0, model.characters=[] and model.vectors=false leave nothing to learn from")


def rule_characters(characters):
    if len(characters) == 1 or list(characters) != sorted(characters):
        raise ValueError(f"model.characters: got {list(characters)}; allowed: [shortest, longest], or [] for none")


def wide(
    texts: Texts,
    common: LinearTexts,
    words: Annotated[int, Field(ge=0, le=5)] = 3,
    characters: Annotated[tuple[Annotated[int, Field(ge=1, le=8)], ...], Field(max_length=2)] = (3, 5),
    min_count: Count = 1,
    size: Count = 200_000,
    scale: Literal["auto", "idf", "ratios"] = "auto",
    vectors: bool = False,
) -> keras.Model:
    """Logistic or ridge regression of n-grams of words and characters, fitted by scikit-learn before the network is
    built.

    The n-grams of each kind make a vector of length 1. There is nothing to train, so one epoch measures it. Once all
    has been chosen by the validation split, it is fitted again to the training and validation rows.

    Args:
        words: longest word n-gram; 0: none.
        characters: shortest and longest character n-gram, such as [3, 5], within words; []: none.
        min_count: minimum number of occurrences of an n-gram in the training split.
        size: maximum number of n-grams of each kind.
        scale: what counts of n-grams are multiplied by; idf: inverse document frequency; ratios: that times 1 plus the
            size of their log-count ratio (Wang & Manning 2012); auto: the better one by cross-validation.
        vectors: the mean of the words' vectors is a further part: data.vectors, or those that come with the package.
    """
    assert texts.fit_linear is not None
    return compiled("wide", *texts.fit_linear())
