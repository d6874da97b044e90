"""FarmHash Fingerprint64 of many arrays of bytes at once: Google's farmhashna, as `tf.raw_ops.Fingerprint` has it."""

import numpy as np

_Pair = tuple[np.ndarray, np.ndarray]
_K0, _K1, _K2 = (np.uint64(value) for value in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))


def fingerprints_of(rows: np.ndarray) -> np.ndarray:
    """The fingerprint of each row, uint64 (rows,).

    Args:
        rows: uint8 (rows, ...), of 1 byte at least each.
    """
    data = np.ascontiguousarray(rows.reshape(len(rows), -1))
    length = data.shape[1]
    with np.errstate(over="ignore"):
        if length > 64:
            return _long(data)
        return (_to_16 if length <= 16 else _to_32 if length <= 32 else _to_64)(data)


def _at(data: np.ndarray, start: int, kind: str = "<u8") -> np.ndarray:
    """The whole number that begins at a byte of each row, uint64 (rows,)."""
    size = np.dtype(kind).itemsize
    return np.ascontiguousarray(data[:, start : start + size]).view(kind)[:, 0].astype(np.uint64)


def _rotated(value: np.ndarray, by: int) -> np.ndarray:
    return (value >> np.uint64(by)) | (value << np.uint64(64 - by))


def _mixed(value: np.ndarray) -> np.ndarray:
    return value ^ (value >> np.uint64(47))


def _joined(one: np.ndarray, other: np.ndarray, factor) -> np.ndarray:
    first = _mixed((one ^ other) * factor)
    return _mixed((other ^ first) * factor) * factor


def _to_16(data: np.ndarray) -> np.ndarray:
    length = data.shape[1]
    factor, size = _K2 + np.uint64(2 * length), np.uint64(length)
    if length >= 8:
        first, last = _at(data, 0) + _K2, _at(data, length - 8)
        return _joined(_rotated(last, 37) * factor + first, (_rotated(first, 25) + last) * factor, factor)
    if length >= 4:
        return _joined(size + (_at(data, 0, "<u4") << np.uint64(3)), _at(data, length - 4, "<u4"), factor)
    first, middle, last = (data[:, place].astype(np.uint64) for place in (0, length // 2, length - 1))
    ends = (first + (middle << np.uint64(8))) * _K2 ^ (size + (last << np.uint64(2))) * _K0
    return _mixed(ends) * _K2


def _to_32(data: np.ndarray) -> np.ndarray:
    length = data.shape[1]
    factor = _K2 + np.uint64(2 * length)
    a, b = _at(data, 0) * _K1, _at(data, 8)
    c, d = _at(data, length - 8) * factor, _at(data, length - 16) * _K2
    return _joined(_rotated(a + b, 43) + _rotated(c, 30) + d, a + _rotated(b + _K2, 18) + c, factor)


def _to_64(data: np.ndarray) -> np.ndarray:
    length = data.shape[1]
    factor = _K2 + np.uint64(2 * length)
    a, b = _at(data, 0) * _K2, _at(data, 8)
    c, d = _at(data, length - 8) * factor, _at(data, length - 16) * _K2
    y = _rotated(a + b, 43) + _rotated(c, 30) + d
    z = _joined(y, a + _rotated(b + _K2, 18) + c, factor)
    e, f = _at(data, 16) * factor, _at(data, 24)
    g, h = (y + _at(data, length - 32)) * factor, (z + _at(data, length - 24)) * factor
    return _joined(_rotated(e + f, 43) + _rotated(g, 30) + h, e + _rotated(f + a, 18) + g, factor)


def _weak(words: list[np.ndarray], a: np.ndarray, b: np.ndarray) -> _Pair:
    """Of four words and two seeds."""
    a = a + words[0]
    b = _rotated(b + a + words[3], 21)
    before = a
    a = a + words[1] + words[2]
    return a + words[3], b + _rotated(a, 44) + before


def _long(data: np.ndarray) -> np.ndarray:
    """Of more than 64 bytes each: 64 at a time, and then the last 64 again."""
    count, length = data.shape
    seed = np.uint64(81)
    x = np.full(count, seed * _K2) + _at(data, 0)
    y = np.full(count, seed * _K1 + np.uint64(113))
    z = _mixed(y * _K2 + np.uint64(113)) * _K2
    zero = np.zeros(count, np.uint64)
    v, w = (zero, zero), (zero, zero)
    blocks = (length - 1) // 64
    # (blocks, 8, rows), so that each word of all rows lies in one piece
    words = np.ascontiguousarray(data[:, : 64 * blocks].reshape(count, blocks, 64)).view("<u8").transpose(1, 2, 0)
    for block in words:
        parts = [np.ascontiguousarray(word) for word in block]
        x = _rotated(x + y + v[0] + parts[1], 37) * _K1 ^ w[1]
        y = _rotated(y + v[1] + parts[6], 42) * _K1 + v[0] + parts[5]
        z = _rotated(z + w[0], 33) * _K1
        v, w = _weak(parts[:4], v[1] * _K1, x + w[0]), _weak(parts[4:], z + w[1], y + parts[2])
        z, x = x, z
    factor = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    parts = [_at(data, length - 64 + 8 * place) for place in range(8)]
    w = (w[0] + np.uint64((length - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    nine = np.uint64(9)
    x = _rotated(x + y + v[0] + parts[1], 37) * factor ^ w[1] * nine
    y = _rotated(y + v[1] + parts[6], 42) * factor + v[0] * nine + parts[5]
    z = _rotated(z + w[0], 33) * factor
    v, w = _weak(parts[:4], v[1] * factor, x + w[0]), _weak(parts[4:], z + w[1], y + parts[2])
    z, x = x, z
    return _joined(_joined(v[0], w[0], factor) + _mixed(y) * _K0 + z, _joined(v[1], w[1], factor) + x, factor)
