"""Networks that reconstruct rows: float32 (batch, columns) in; what comes out: see `networks.reconstruction`.

Each asks for `input_shape` (columns,).
"""
