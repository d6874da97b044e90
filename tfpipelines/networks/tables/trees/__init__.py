"""Gradient-boosted trees: fitted by scikit-learn, kept as plain arrays, compiled into a graph of plain Keras."""
