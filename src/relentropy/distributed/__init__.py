"""The same measures over chunks, on `dask`'s workers, and over shards, on `torch`'s ranks.

Each module needs the library it is named after and is imported by name:
``from relentropy.distributed import torch``.
"""
