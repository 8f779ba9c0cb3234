"""Arrays: the differences between array libraries, and the loops over blocks of data.

It is the only package that imports array-api-compat.

Modules
-------
``array``            protocol of arrays of any library
``library``          the arguments' array library, and arrays that are refused
``dtypes``           promotion, working precision and result precision
``namespace``        the ``xp`` of the formulas: a library at one working precision
``torch_namespace``  torch's namespaces
``torch_internals``  private interfaces of torch that the library uses
``axes``             axes, masks and shapes; layout of a call's data in blocks
``prepared``         a call's operands: library, precision, shapes and mask
``plain``            arrays of functions that consist of plain array operations
``operands``         types of operands and results for users' type checkers
``protocols``        interface of formulas: folds, measures, elementwise functions and maps
``plan``             division of a call's data into blocks
``drivers``          the loops over blocks: ``fold`` for reductions, ``fmap`` for maps
``lazy``             the same loops over dask's chunks
``parts``            states of parts of rows, which are stored, sent and merged
``words``            serialization of states as lists of arrays
``pairs``            double-double arithmetic: error-free transforms, compensated sums
``coefficients``     coefficients of the polynomials, written by ``tools/coefficients.py``
``polynomials``      minimax polynomials for arguments near zero
``changes``          numbers at two points together with their accurate difference
``matrices``         triangular factorizations and solutions
"""
