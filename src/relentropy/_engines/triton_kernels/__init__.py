"""Kernels in Triton's language, which nothing imports before Triton is wanted.

``arithmetic``   error-free transforms, exponentials and logarithms
``modes``        how entries are worked in each precision
``layout``       where a tile's rows and entries are, and how they are read and written
``frame``        the kernels that are launched, of any measure's functions
``kl_logits``    relative entropy from logits: the twin of _formulas/kl_logits.py
``table``        what divergences of the table have in common
``logit_table``  those from logits
``weights``      those from weights, and relative entropy
``surprise``     logsumexp, entropy, cross-entropy and tokens' log-probabilities of logits
``measures``     which functions are whose

A row is cut into tiles. A program has one tile of one row or of some, in registers: it reads
the entries once and leaves a state, or, of a row that is one tile, the result. States merge in
a kernel of their own, so that rows are split alike however many there are.

Data of at most 32 bits are worked in float32, which has neither the range nor, where nearly all
of a tile cancels, the digits for every tile: such a tile says so, and is done again in float64
by a kernel that has nothing else to do. What float32 cannot do it need not know.

Contraction of products and sums is off (`enable_fp_fusion`); what is to be fused says so.
"""
