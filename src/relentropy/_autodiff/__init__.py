"""Derivatives of the formulas, attached once for torch and once for jax.

Modules
-------
``jobs``        static descriptions of calls: values and derivatives in both directions
``reductions``  sums over rows that derivatives need
``torch``       two autograd functions that serve every job
``jax``         a function with a custom derivative that serves every job
``saving``      tensors that autograd functions save
``states``      states of parts of rows, by compiled kernels if available
``heads``       derivatives of measures of language-model heads
"""
