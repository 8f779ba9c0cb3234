"""Logits of a real language model."""
