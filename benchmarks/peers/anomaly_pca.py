"""Reconstruction error of 30 principal components on digits, each class normal in turn: mean AUROC over the ten
classes.

python benchmarks/peers/anomaly_pca.py
"""

from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

with np.load(Path(__file__).resolve().parents[2] / "data" / "digits" / "digits.npz") as digits:
    pixels, labels, test = digits["x"].reshape(-1, 784) / 255.0, digits["y"], digits["split"] == "test"
areas = []
for normal in range(10):
    model = PCA(30).fit(pixels[~test & (labels == normal)])
    restored = model.inverse_transform(model.transform(pixels[test]))
    areas.append(roc_auc_score(labels[test] != normal, ((pixels[test] - restored) ** 2).mean(1)))
print(f"mean_roc_auc {np.mean(areas):.4f}")
