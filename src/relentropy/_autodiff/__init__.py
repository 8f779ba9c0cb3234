"""Derivatives, attached once to whatever the formulas say theirs is.

``jobs``        a call without its arrays: its value, and its derivatives in both directions
``reductions``  the sums over a row that derivatives need
``torch``       two autograd functions, generic over jobs
``jax``         one function with a custom derivative, generic over jobs
"""
