"""Networks that classify images: levels 0 to 255 (batch, height, width, channels) -> logits float32 (batch, classes).

Each asks for `input_shape` (height, width, channels) and `classes`, their number; `seed` and `for_training`: see
`networks.layers.Builder`.
"""
