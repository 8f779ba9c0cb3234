"""Measures of language-model heads, whose logits are made in tiles and forgotten.

``job``        a call without its arrays: its tiles, and its value
``products``   tiles of logits, and room for them
``torch``      one autograd function
``gradients``  the gradients of its arrays, tile by tile
``operators``  the same for torch's compiler
``jax``        a scan over tiles of rows, with a custom derivative
"""
