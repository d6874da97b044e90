"""What a detector has to beat: methods without training, on the same data."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

_COMPONENTS = 30
_MOST_SAMPLES = 2_000  # of training, that a baseline learns from
_MOST_PLACES = 20_000  # kept by the nearest neighbours
_MOST_COMPARED = 10**9  # pairs of places that are compared


class Reconstruction:
    """Mean squared distance from the span of the first 30 principal components."""

    def fit(self, samples: np.ndarray) -> "Reconstruction":
        """Takes normal samples, float (n, numbers)."""
        self._pca = PCA(
            min(_COMPONENTS, len(samples) - 1, max(1, samples.shape[1] // 2)),
            svd_solver="full" if samples.shape[1] <= 512 else "randomized",
            random_state=0,
        ).fit(samples)
        return self

    def score(self, samples: np.ndarray) -> np.ndarray:
        """The distances, (n,)."""
        return ((samples - self._pca.inverse_transform(self._pca.transform(samples))) ** 2).mean(1)


class Forest:
    """Isolation forest (Liu et al. 2008) of 200 trees."""

    def fit(self, samples: np.ndarray) -> "Forest":
        """Takes normal samples, float (n, numbers)."""
        self._forest = IsolationForest(n_estimators=200, random_state=0).fit(samples)
        return self

    def score(self, samples: np.ndarray) -> np.ndarray:
        """How easily each is parted from the others, (n,)."""
        return -self._forest.score_samples(samples)


class Neighbours:
    """Distance to the nearest place of a normal sample in feature space; of a sample with several places the mean of
    the farthest.

    With many places a random share of the normal ones is kept (Cohen & Hoshen 2020, SPADE; Roth et al. 2022 choose
    them).

    Args:
        share: of a sample's places that counts.
    """

    def __init__(self, share: float = 0.05):
        self.share = share

    def fit(self, samples: np.ndarray, later: int = 0) -> "Neighbours":
        """Takes features of normal samples, float (n, [places,] numbers); `later` samples will be scored."""
        places = samples.reshape(-1, samples.shape[-1])
        asked = max(1, later * len(places) // len(samples))
        most = min(_MOST_PLACES, max(1_000, _MOST_COMPARED // asked))
        if len(places) > most:
            places = places[np.random.default_rng(0).choice(len(places), most, replace=False)]
        self._neighbours = NearestNeighbors(n_neighbors=1).fit(places)
        return self

    def score(self, samples: np.ndarray) -> np.ndarray:
        """The distances, (n,)."""
        distances = self._neighbours.kneighbors(samples.reshape(-1, samples.shape[-1]))[0].reshape(len(samples), -1)
        count = max(1, round(self.share * distances.shape[1]))
        return np.sort(distances, 1)[:, -count:].mean(1)


def some_rows(rows: np.ndarray, seed: int) -> np.ndarray:
    """At most 2,000 of the rows that a baseline is fitted to, the same for each seed."""
    if len(rows) <= _MOST_SAMPLES:
        return rows
    return np.sort(np.random.default_rng([seed, 3]).choice(rows, _MOST_SAMPLES, replace=False))
