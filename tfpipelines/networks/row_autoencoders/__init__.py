"""Detectors of odd rows: float32 (batch, columns) in.

Autoencoders ask for `input_shape` (columns,); what comes out of them: see `networks.reconstruction`. Others are fitted
to the training rows, and ask for those, `normals`: see `networks.normals`.
"""
