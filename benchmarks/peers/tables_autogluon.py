"""AutoGluon on a table whose column `split` names the test rows: its default presets, within a time limit.

python tables_autogluon.py TABLE.csv SECONDS
"""

import sys
import tempfile
import time

import pandas as pd
from autogluon.tabular import TabularPredictor

path, limit = sys.argv[1], float(sys.argv[2])
table = pd.read_csv(path, dtype={"target": str})
train = table[table["split"] == "train"].drop(columns="split")
test = table[table["split"] == "test"].drop(columns="split")
with tempfile.TemporaryDirectory() as folder:
    began = time.perf_counter()
    predictor = TabularPredictor("target", path=folder, eval_metric="accuracy", verbosity=0)
    predictor.fit(train, time_limit=limit)
    accuracy = float((predictor.predict(test) == test["target"]).mean())
    print(f"accuracy {accuracy:.6f} seconds {time.perf_counter() - began:.1f}")
