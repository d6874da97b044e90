"""A linear model of the words' vectors."""

import keras

from tfpipelines.core.config.networks import LinearTexts
from tfpipelines.networks.text_layers import Texts
from tfpipelines.networks.texts.linear_models.graph import compiled


def features(texts: Texts, common: LinearTexts) -> keras.Model:
    """Logistic or ridge regression on the mean vector of a text's words, each weighted by how rare it is (Arora et al.
    2017), fitted by scikit-learn before the network is built.

    The vectors are those of data.vectors, or those that come with the package. There is nothing to train, so one epoch
    measures it. Once all has been chosen by the validation split, it is fitted again to the training and validation
    rows.
    """
    assert texts.fit_linear is not None
    return compiled("features", *texts.fit_linear())
