"""The CRC-32 of a whole, of those of its parts.

The standard library takes the sum of bytes in their order only. Rows are read by several
processes, some of them in an earlier run, and none is read twice.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.uint32]

_BITS = 32


def combined(sums: Sums, length: int) -> int:
    """The sum of parts of equal length in order.

    Appending zeros is a linear map of the bits of a sum, as an array: where each bit goes. With
    it ``crc(ab) = zeros(crc(a)) ^ crc(b)``, with as many zeros as ``b`` has bytes; neighbours
    are put together until one is left.

    Parameters
    ----------
    sums : array of uint32
        Those of the parts, by `zlib.crc32`; the first may go on from what is before.
    length : int
        Bytes of a part.
    """
    zeros = _zeros(length)
    while len(sums) > 1:
        if len(sums) % 2:
            sums = np.concatenate([np.zeros(1, np.uint32), sums])  # the sum of no bytes
        sums = _mapped(zeros, sums[::2]) ^ sums[1::2]
        zeros = _mapped(zeros, zeros)
    return int(sums[0])


def _zeros(length: int) -> Sums:
    """The map of so many zero bytes, by squaring that of one."""
    none = zlib.crc32(b"\0")
    one = np.array([zlib.crc32(b"\0", 1 << bit) ^ none for bit in range(_BITS)], np.uint32)
    found = np.uint32(1) << np.arange(_BITS, dtype=np.uint32)
    while length:
        if length % 2:
            found = _mapped(one, found)
        one = _mapped(one, one)
        length //= 2
    return found


def _mapped(where: Sums, sums: Sums) -> Sums:
    found = np.zeros_like(sums)
    for bit in range(_BITS):
        found ^= np.where(sums >> np.uint32(bit) & np.uint32(1), where[bit], np.uint32(0))
    return found
