"""Networks that reconstruct images: levels 0 to 255 (batch, height, width, channels) in; what comes out, and what
`for_training` means: see `networks.reconstruction`.

Each asks for `input_shape` (height, width, channels), and for a `backbone` if it looks at images through one.
"""
