"""Networks that classify texts: ids int32 (batch, length) -> logits float32 (batch, classes).

Each asks for `texts`, a `networks.text_layers.Texts`; `networks.text_layers.text_network` says what comes back.
"""
