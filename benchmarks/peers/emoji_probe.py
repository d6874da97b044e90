"""Logistic regression on standardized features of a frozen backbone, over the five folds of data/emoji.

python benchmarks/peers/emoji_probe.py FEATURES.npy     float (1045, width), rows in the order of folds.csv
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

folds = pd.read_csv(Path(__file__).resolve().parents[2] / "data" / "emoji" / "folds.csv")
features, labels = np.load(sys.argv[1]), folds["label"].to_numpy()
accuracies = []
for number in sorted(folds["fold"].unique()):
    held_out = (folds["fold"] == number).to_numpy()
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=1000))
    accuracies.append(probe.fit(features[~held_out], labels[~held_out]).score(features[held_out], labels[held_out]))
print(f"mean_accuracy {np.mean(accuracies):.4f} folds {np.round(accuracies, 3)}")
