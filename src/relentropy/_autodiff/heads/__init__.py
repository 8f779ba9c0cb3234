"""Measures of language-model heads, whose logits are computed in tiles and discarded.

Modules
-------
``job``        static description of a call: its tiles, and its value
``products``   tiles of logits, and their buffers
``torch``      one autograd function
``gradients``  gradients of the arrays, tile by tile
``operators``  custom operators for torch's compiler
``jax``        a scan over tiles of rows, with a custom derivative
"""
