from .blocks import Plan as Plan
from .entry import Predictions as Predictions
from .entry import predict_files as predict_files
