"""Functions that return one number for each entry of a row."""

from mpmath import mp

from .rows import flags, measure, measures


def kl_contributions(p, q, from_logits=False, normalize=True):
    """``p * log(p / q) - p + q``; q where p = 0 and inf where only q = 0."""
    rows = measures((p, q), from_logits, normalize)
    if rows is None:
        return [mp.nan] * len(p)
    entries = []
    for (x, log_x), (y, log_y) in zip(*rows, strict=True):
        if x == 0:
            entries.append(y)
        else:
            entries.append(x * (log_x - log_y) - x + y if y else mp.inf)
    return entries


def surprisal(p, from_logits=False, normalize=True):
    """``-log(p)``."""
    row = measure(p, flags(from_logits, 1)[0], normalize)
    if row is None:
        return [mp.nan] * len(p)
    return [-log_x for _, log_x in row]


ENTRIES = {f.__name__: f for f in (kl_contributions, surprisal)}
