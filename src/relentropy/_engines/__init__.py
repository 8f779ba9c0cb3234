"""Engines: compiled kernels for the formulas, used if they are available.

Modules
-------
``config``            choice of the engine, its number of threads, and reports of both
``manifest``          declaration of every kernel, which all engines read
``front``             interface of the engines: the result of a kernel, or None
``kernel_call``       prepared calls of compiled kernels, cached for later calls
``cupy``              the compiled kernels on CUDA devices, for CuPy's arrays
``triton``            launches of Triton's kernels, for torch tensors on CUDA devices
``triton_operators``  Triton's kernels as custom operators of torch
``triton_kernels``    Triton's kernels
``_cpu``              the extension module, built from ``native`` if a compiler is available
"""
