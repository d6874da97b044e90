"""TFRecord files of tf.train.Example: their records by position, each checked by its CRC."""

import functools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import DataError

_HEADER, _FOOTER = 12, 4  # bytes around the content of a record: its length and the CRC of that; the CRC of the content
_BUFFER = 2**20


def masked_crc(content: bytes) -> int:
    """CRC-32C of bytes, masked as in TFRecord files."""
    import google_crc32c

    crc = google_crc32c.value(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records_of(path: Path) -> Iterator[tuple[int, int, bytes | None]]:
    """The records of a file: where the content begins, how many bytes it has, and the content; None where that is
    damaged by its CRC.

    Raises:
        DataError: if the file ends within a record, or a length is damaged, so that what follows cannot be found.
    """
    number = offset = 0
    with open(path, "rb", _BUFFER) as file:
        while header := file.read(_HEADER):
            where = f"record {number}, which begins at byte {offset}"
            if header.startswith(b"\x1f\x8b") and not number:
                raise DataError(
                    f"{path} is compressed by gzip.", f"Decompress it: gunzip < {path.name} > FILE.tfrecord."
                )
            if len(header) < _HEADER:
                raise _truncated(path, where)
            length, crc = struct.unpack("<QI", header)
            if masked_crc(header[:8]) != crc:
                cause = f"{path}: the length of {where}, is damaged by its CRC."
                raise DataError(cause, "Fetch or write the shard again; nothing of it is used.")
            rest = file.read(length + _FOOTER) if length < 2**31 else b""
            if len(rest) < length + _FOOTER:
                raise _truncated(path, where)
            content = rest[:-_FOOTER]
            whole = masked_crc(content) == int.from_bytes(rest[-_FOOTER:], "little")
            yield offset + _HEADER, length, content if whole else None
            number, offset = number + 1, offset + _HEADER + length + _FOOTER


def record_at(path: Path, offset: int, length: int) -> bytes:
    """The content of a record whose place is known.

    Raises:
        DataError: if it is not there any more, or damaged by its CRC.
        OSError: if the file cannot be read.
    """
    with open(path, "rb", 0) as file:
        file.seek(offset)
        content = file.read(length + _FOOTER)
    if len(content) < length + _FOOTER:
        raise DataError(f"the shard {path} has become shorter, and ends before byte {offset + length + _FOOTER}")
    if masked_crc(content[:-_FOOTER]) != int.from_bytes(content[-_FOOTER:], "little"):
        raise DataError(f"the content at byte {offset} of the shard {path} is damaged by its CRC")
    return content[:-_FOOTER]


def features_of(content: bytes) -> dict[str, list]:
    """The features of a serialized tf.train.Example: bytes, numbers or whole numbers, by name.

    Raises:
        DataError: if it is none.
    """
    from google.protobuf.message import DecodeError

    try:
        features = _example().FromString(content).features.feature
    except DecodeError as error:
        raise DataError("no tf.train.Example") from error
    return {
        name: list(getattr(value, kind).value) for name, value in features.items() if (kind := value.WhichOneof("kind"))
    }


@functools.cache
def _example() -> Any:
    """The message of tensorflow/core/example/example.proto, without importing TensorFlow, which takes seconds."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="shards", syntax="proto3")

    def message(name: str) -> Any:
        return file.message_type.add(name=name)

    def add(
        owner: Any, name: str, number: int, kind: int, of: str = "", repeated: bool = False, one: bool = False
    ) -> None:
        label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
        field = owner.field.add(name=name, number=number, type=kind, label=label)
        if of:
            field.type_name = f".shards.{of}"
        if one:
            field.oneof_index = 0

    lists = {"BytesList": kinds.TYPE_BYTES, "FloatList": kinds.TYPE_FLOAT, "Int64List": kinds.TYPE_INT64}
    for name, kind in lists.items():
        add(message(name), "value", 1, kind, repeated=True)
    feature = message("Feature")
    feature.oneof_decl.add(name="kind")
    for number, (field, of) in enumerate(zip(("bytes_list", "float_list", "int64_list"), lists), 1):
        add(feature, field, number, kinds.TYPE_MESSAGE, of, one=True)
    features = message("Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, kinds.TYPE_STRING)
    add(entry, "value", 2, kinds.TYPE_MESSAGE, "Feature")
    add(features, "feature", 1, kinds.TYPE_MESSAGE, "Features.FeatureEntry", repeated=True)
    add(message("Example"), "features", 1, kinds.TYPE_MESSAGE, "Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shards.Example"))


def _truncated(path: Path, where: str) -> DataError:
    return DataError(f"{path} is truncated in {where}.", "Fetch or write the shard again; nothing of it is used.")
