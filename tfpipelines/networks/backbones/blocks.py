"""The layers of a network in blocks, from the input to the output."""

import re

import keras

from .flat import learns


def layer_blocks(model: keras.Model) -> list[list[keras.Layer]]:
    """The layers with weights, in blocks from the input to the output.

    A block lies between two places where all of the signal is in one tensor: a residual block or an inception module is
    one. Neighbours whose names say so (`block3_`, `conv2_block1_`) are one block, too; a layer that holds nearly all
    weights by itself, such as a whole encoder, counts as its parts.
    """
    segments: list[list[keras.Layer]] = []
    current: list[keras.Layer] = []
    live: dict[int, int] = {}  # tensors yet to be consumed, by id
    consumers: dict[int, int] = {}
    operations = model.operations
    for operation in operations:
        for tensor in keras.tree.flatten(operation.input if operation._inbound_nodes else []):
            consumers[id(tensor)] = consumers.get(id(tensor), 0) + 1
    for operation in operations:
        inputs = [] if isinstance(operation, keras.layers.InputLayer) else keras.tree.flatten(operation.input)
        trained = learns(operation)
        weighted = trained or any(id(tensor) in live for tensor in inputs)
        for tensor in inputs:
            if id(tensor) in live:
                live[id(tensor)] -= 1
                if not live[id(tensor)]:
                    del live[id(tensor)]
        if trained:
            current.append(operation)
        if weighted:
            live |= {id(tensor): consumers.get(id(tensor), 0) or 1 for tensor in keras.tree.flatten(operation.output)}
        if len(live) == 1 and current:
            segments.append(current)
            current = []
    if current:
        segments.append(current)
    return _with_parts(_merged(segments))


def _merged(segments: list[list[keras.Layer]]) -> list[list[keras.Layer]]:
    """Segments of the same name put together; what normalizes joins what it normalizes."""
    blocks: list[list[keras.Layer]] = []
    before, normalizers = "", (keras.layers.BatchNormalization, keras.layers.LayerNormalization)
    for segment in segments:
        name = _block_name(segment[0].name)
        joins = all(isinstance(layer, normalizers) for layer in segment)
        if blocks and ((name and name == before) or (joins and not name)):
            blocks[-1] += segment
        else:
            blocks.append(list(segment))
        before = name or before
    return blocks


def _block_name(name: str) -> str:
    """`conv2_block1` of `conv2_block1_0_bn`, `block2a` of `block2a_expand_conv`; "" where no block has a number."""
    match = re.match(r"(.*?(?:block|expanded_conv)_?\d+[a-z]?)(?:_|$)", name)
    return match[1] if match else ""


def _with_parts(blocks: list[list[keras.Layer]]) -> list[list[keras.Layer]]:
    """A layer that holds more than half of all weights is replaced by its parts, where it has some."""
    total = sum(layer.count_params() for block in blocks for layer in block)
    result = []
    for block in blocks:
        large = len(block) == 1 and block[0].count_params() > total / 2
        inner = block[0]._flatten_layers(include_self=False, recursive=False) if large else ()
        parts = [part for part in inner if learns(part)]
        if large and isinstance(block[0], keras.Model):
            result += layer_blocks(block[0])
        elif len(parts) > 1:
            result += [[part] for part in parts]
        else:
            result.append(block)
    return result
