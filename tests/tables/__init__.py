"""Hard cases with their truths: `load` reads them, `regenerate` writes them."""

from .load import Case, load

__all__ = ["Case", "load"]
