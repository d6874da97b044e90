"""Linear models that scikit-learn fits."""
