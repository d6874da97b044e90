"""Peer: TF-IDF of words and word pairs with logistic regression, fitted to the training and validation rows of
reviews.
"""

from pathlib import Path

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

reviews = pd.read_csv(Path(__file__).resolve().parents[2] / "data" / "reviews" / "reviews.csv")
seen, unseen = reviews[reviews["split"] != "test"], reviews[reviews["split"] == "test"]
classifier = make_pipeline(
    TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=4, max_iter=500)
)
classifier.fit(seen["text"], seen["label"])
print(f"test_accuracy {classifier.score(unseen['text'], unseen['label']):.4f}")
