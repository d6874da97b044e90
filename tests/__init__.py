"""Tests, in the order of the package."""

import os

# Processes of pytest take all cores already: threads of NumPy would wait for each other, a tenth of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
