"""Networks that reconstruct windows of a time series: float32 (batch, length, channels) in; what comes out: see
`networks.reconstruction`.

Each asks for `input_shape` (length, channels).
"""
