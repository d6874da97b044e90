"""Networks that reconstruct windows of a time series: float32 (batch, length, channels) in; what comes out: see
`models.reconstruction`.

Each asks for `input_shape` (length, channels).
"""
