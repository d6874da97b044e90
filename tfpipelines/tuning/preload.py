"""What the server of worker processes loads before it forks them, besides TensorFlow and Keras. Nothing here may
compute: after TensorFlow's first operation a fork hangs.
"""

import gc
import importlib
import pkgutil

import matplotlib.pyplot  # noqa: F401
import pandas  # noqa: F401
import sklearn.metrics  # noqa: F401

from tfpipelines import datasets, evaluation, metrics, models, networks, tasks, training
from tfpipelines.runner import Runner  # noqa: F401

for _package in (datasets, evaluation, metrics, models, networks, tasks, training):
    for _module in pkgutil.walk_packages(_package.__path__, f"{_package.__name__}."):
        importlib.import_module(_module.name)
gc.collect()
gc.freeze()  # else the first collection in each worker process copies the memory that it shares with the server
