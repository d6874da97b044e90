"""Word vectors from local files, or those of the package."""

import itertools
import zipfile
from pathlib import Path

import numpy as np

from ...core.config.texts import BUNDLED
from ...errors import DataError
from ...networks import word_vectors

_RARE = 3e-4  # share of the words from which on a word counts half in a mean


def read_vectors(path: str, vocabulary: list[str], seed: int) -> tuple[np.ndarray, int, int]:
    """The vectors of a vocabulary's tokens.

    Args:
        path: `.txt` (GloVe: a word and its numbers in each line), `.vec` (word2vec and fastText: the same below a line
            with two counts) or `.npz` (arrays `words`, text, and `vectors`, (words, numbers)); or `bundled`: those of
            the package, see `networks.word_vectors`; a token of several words has the mean of theirs.
        vocabulary: tokens, those with the ids from 2 on.
        seed: of the vectors of tokens that the file lacks: normal, as wide as the others.

    Returns:
        float32 (ids, numbers), that of padding 0; how many tokens were found; and how many lines of the file were left
            out, since their token holds spaces, as some of GloVe 840B do.

    Raises:
        DataError: if the file cannot be read, or is not of that form; it names the line.
    """
    from ...datasets.tokens import FIRST

    found, left_out = _found(path, {name: FIRST + place for place, name in enumerate(vocabulary)})
    known = np.array(list(found.values()), np.float32)
    size, random = (len(vocabulary) + FIRST, known.shape[1]), np.random.default_rng([seed, 3])
    matrix = random.normal(known.mean(), known.std(), size).astype(np.float32)
    matrix[list(found)] = known
    matrix[0] = 0
    return matrix, len(found), left_out


def _found(path: str, places: dict[str, int]) -> tuple[dict[int, np.ndarray], int]:
    """The vectors of the words at some places, of those that have one; and how many lines of the file were left out."""
    if path == BUNDLED:
        found, left_out = _bundled(places), 0
    else:
        file = require_vectors(path)
        found, left_out = _READERS[file.suffix.lower()](file, places)
    if not found:
        message = f"{path} has a vector for none of the {len(places)} tokens of the vocabulary."
        raise DataError(message, "Use vectors of the same language; data.standardize=lower keeps punctuation.")
    if not np.isfinite(np.array(list(found.values()), np.float32)).all():
        raise DataError(f"{path} holds vectors that are not finite.", "Repair the file.")
    return found, left_out


def require_vectors(path: str) -> Path:
    """The file of word vectors; not of `bundled`.

    Raises:
        DataError: if it is not there, is empty, or of no known kind.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        remedy = f"Set data.vectors to a .txt, .vec or .npz file of word vectors, or to {BUNDLED}."
        raise DataError(f"{path} does not exist.", remedy)
    if file.suffix.lower() not in _READERS:
        message = f"{path} is not a file of word vectors: its extension is unknown."
        raise DataError(message, "Give a .txt, .vec or .npz file.")
    if not file.stat().st_size:
        raise DataError(f"{path} is empty.", "Give a file of word vectors.")
    return file


def words_with_vectors(path: str | None, words: list[str]) -> list[str]:
    """The words whose vectors a model is to know: those of the training texts, and with the vectors of the package all
    whole words that have one there, so that words which only new texts have count, too.

    Args:
        path: see `read_vectors`; None: the vectors of the package.
        words: of the training texts, the most frequent first.
    """
    if path not in (None, BUNDLED):
        return words
    known, _, _ = word_vectors.whole_words()
    return list(dict.fromkeys([*words, *known]))


def vectors_of_words(path: str | None, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of words, float32 (words, numbers), of length 1, 0 where there is none; and the weight of each in a mean,
    float32 (words,), small for frequent words (SIF, Arora et al. 2017).

    Args:
        path: see `read_vectors`; None: the vectors of the package.
        words: as `words_with_vectors` gives them; with a file, their order tells how frequent they are (Zipf's law).

    Raises:
        DataError: as `read_vectors`.
    """
    if path is None or path == BUNDLED:
        of_package = word_vectors.vectors_of(words)
        vectors, weights = of_package.vectors, of_package.weights
    else:
        found, _ = _found(path, {name: place for place, name in enumerate(words)})
        vectors = np.zeros((len(words), len(next(iter(found.values())))), np.float32)
        vectors[list(found)] = list(found.values())
        ranks = np.arange(1, len(words) + 1)
        shares = 1 / (ranks * (1 / ranks).sum())
        weights = np.where(vectors.any(1), _RARE / (_RARE + shares), 0.0).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0), weights


def vector_width(path: str) -> int:
    """The numbers of each word vector: of a file by its beginning, or of `bundled`.

    Raises:
        DataError: as `read_vectors`.
    """
    if path == BUNDLED:
        return word_vectors.WIDTH
    file = require_vectors(path)
    if file.suffix.lower() == ".npz":
        _read_npz(file, {})
        with np.load(file, allow_pickle=False) as archive:
            return archive["vectors"].shape[1]
    with open(file, encoding="utf-8", errors="replace") as lines:
        first, second = (line.rstrip().split(" ") for line in itertools.islice(itertools.chain(lines, [""]), 2))
    counts = len(first) == 2 and first[0].isdecimal() and first[1].isdecimal()
    return int(first[1]) if counts and second != [""] else len(first) - 1


def _bundled(places: dict[str, int]) -> dict[int, np.ndarray]:
    of_words = word_vectors.vectors_of(list(places))
    return {place: of_words.vectors[row] for row, place in enumerate(places.values()) if of_words.found[row]}


def _read_text(file: Path, places: dict[str, int]) -> tuple[dict[int, np.ndarray], int]:
    found: dict[int, np.ndarray] = {}
    width, left_out, remedy = None, 0, "Each line is a word and its numbers, with one space between."
    with open(file, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            word, *numbers = line.rstrip("\r\n").rstrip(" ").split(" ")
            if number == 1 and len(numbers) == 1 and word.isdecimal() and numbers[0].isdecimal():
                width = int(numbers[0])  # the counts that .vec files begin with: words, and numbers of each
                continue
            if width is None:
                width = len(numbers)
            if width and len(numbers) > width and all(map(_is_number, numbers[-width:])):
                left_out += 1
                continue
            if len(numbers) != width or not width:
                message = f"{file}, line {number}: {len(numbers)} numbers, but the lines before have {width}."
                raise DataError(message, remedy)
            if word in places:
                try:
                    found[places[word]] = np.array(numbers, np.float32)
                except ValueError as error:
                    raise DataError(f"{file}, line {number}: not a number: {error}.", remedy) from error
    return found, left_out


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _read_npz(file: Path, places: dict[str, int]) -> tuple[dict[int, np.ndarray], int]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            words, vectors = archive["words"], archive["vectors"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        remedy = "Save it with np.savez(file, words=words, vectors=vectors), text and numbers."
        raise DataError(f"{file} cannot be read as vectors: {error}.", remedy) from error
    fits = vectors.ndim == 2 and words.shape == vectors.shape[:1]
    if not fits or vectors.dtype.kind not in "iuf" or words.dtype.kind not in "US":
        message = f"{file}: words have the shape {words.shape}, vectors {vectors.shape}."
        raise DataError(message, "Expected: text (words,) and numbers (words, numbers).")
    names = [word.decode("utf-8", "replace") if isinstance(word, bytes) else word for word in words.tolist()]
    return {places[name]: vector.astype(np.float32) for name, vector in zip(names, vectors) if name in places}, 0


_READERS = {".npz": _read_npz, ".txt": _read_text, ".vec": _read_text}
