"""First floor: the mathematics, as functions of arrays.

Every function takes blocks in working precision and the namespace ``xp`` to work in, knows
nothing of shapes, dtypes or devices beyond that, and validates nothing.
"""
