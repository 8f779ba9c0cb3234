"""The independent truth: textbook definitions at as many digits as it takes.

Nothing here imports `relentropy`, and nothing here is clever: a definition is worth
trusting because it can be read against a textbook. `evaluate` raises the precision until
two results agree; `condition` says how far a rounded input alone moves the result;
`derivatives` and `conditions` are the same for every first derivative.
"""

from .condition import condition
from .definitions import DEFINITIONS
from .derivatives import conditions, derivatives, slopes
from .evaluate import evaluate

__all__ = ["DEFINITIONS", "condition", "conditions", "derivatives", "evaluate", "slopes"]
