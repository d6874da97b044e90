"""Networks for tables: numbers float32 (batch, columns) and codes int32 (batch, columns) -> logits or one number."""
