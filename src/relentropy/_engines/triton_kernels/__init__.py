"""Kernels in Triton's language, imported only if Triton is used.

Modules
-------
``measures``      functions of every measure that has kernels
``frame``         the launched kernels, for any measure's functions
``layout``        positions of a tile's rows and entries, reads and writes
``modes``         working precision of entries, and sums in it
``places``        places of the numbers of states and residuals, from the manifest
``arithmetic``    error-free transforms, exponentials and logarithms
``kl_logits``     relative entropy from logits, as in _formulas/kl_logits.py
``logit_table``   other divergences from logits
``weights``       divergences from weights, as in _formulas/weight_shares.py
``table``         shared parts of divergences, as in _formulas/f_divergence.py
``surprise``      logsumexp, entropy, cross-entropy and log-probabilities of tokens

A row is divided into tiles. A program has one tile of one or several rows in registers: it
reads the entries once and writes a state, or, for a row of one tile, the result. A kernel of
its own merges states, so that the division of a row does not depend on the number of rows.

Data of at most 32 bits are computed in float32. If float32 lacks the range, or the accuracy
where nearly all of a tile cancels, the tile sets a flag and a second kernel recomputes it in
float64.

Contraction of products and sums is off (`enable_fp_fusion`); fused operations are explicit.
"""
