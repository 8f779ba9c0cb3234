"""Ground floor: what array-api-compat does not do for us, and its only importer.

``library``    which array library the arguments belong to, and what is refused
``namespace``  the ``xp`` that formulas see: that library at one working precision
``dtypes``     promotion, working precision, result precision
``axes``       axes, masks and shapes; how a call's data are laid out in blocks
``polynomials`` the minimax polynomials of what happens near equality
``pairs``      error-free transforms, numbers as unevaluated pairs, compensated sums
``prepared``   a call's operands: their library, precision, shapes and mask
``protocols``  what formulas are to the drivers: folds, measures, elementwise functions, maps
``plan``       how a call's data are cut
``drivers``    the two drivers, ``fold`` and ``fmap``
``lazy``       the same over dask's chunks
"""
