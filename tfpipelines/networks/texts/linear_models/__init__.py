"""Linear models of texts that scikit-learn fits."""
