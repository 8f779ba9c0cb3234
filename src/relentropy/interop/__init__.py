"""Look-alikes: functions of SciPy and torch under their own names, for code that moves over.

They keep names, argument order, defaults and what is summed, and take arrays of any library.
"""

from . import scipy_stats, torch_functional

__all__ = ["scipy_stats", "torch_functional"]
