"""Peer: ridge regression of the ratings of film reviews on TF-IDF of words and characters, scikit-learn.

    python benchmarks/peers/reviews_ridge.py

The penalty is chosen by five folds of the training and validation rows, of which the model then learns all.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline, make_union

table = pd.read_csv(Path(__file__).resolve().parents[2] / "data" / "reviews" / "reviews.csv")
train, test = table[table["split"] != "test"], table[table["split"] == "test"]
features = make_union(
    TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
    TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
)
model = make_pipeline(features, RidgeCV(np.logspace(-2, 1, 7), cv=5)).fit(train["text"], train["rating"])
print(f"penalty {model[-1].alpha_:.3g}")
print(f"mean_rmse {root_mean_squared_error(test['rating'], np.full(len(test), train['rating'].mean())):.4f}")
print(f"test_rmse {root_mean_squared_error(test['rating'], model.predict(test['text'])):.4f}")
