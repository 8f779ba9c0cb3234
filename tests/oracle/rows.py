"""What a row of inputs is: a measure, given by weights or by their logarithms."""

from mpmath import mp

ZERO = mp.mpf(0)


def flags(from_logits, count=2):
    """``from_logits`` as a tuple of bools, one for each operand."""
    return (
        tuple(from_logits) if isinstance(from_logits, (tuple, list)) else (from_logits,) * count
    )


def are_logits(values):
    return all(v < mp.inf for v in values)  # not true of nan


def are_weights(values):
    return all(0 <= v < mp.inf for v in values)  # not true of nan


def measure(values, is_log, normalize):
    """A row as a list of ``(weight, log weight)``, or None where it is no measure.

    None stands for nan: an invalid entry, or nothing to normalise.
    """
    if is_log:
        if not are_logits(values):
            return None
        row = [(mp.exp(v), v) for v in values]
    else:
        if not are_weights(values):
            return None
        row = [(v, mp.log(v)) for v in values]
    if not normalize:
        return row
    total = mp.fsum(x for x, _ in row)
    if total == 0:
        return None
    log_total = mp.log(total)
    return [(x / total, log_x - log_total) for x, log_x in row]


def measures(rows, from_logits, normalize):
    """Several rows as `measure` gives them, or None where one of them is none."""
    kinds = flags(from_logits, len(rows))
    found = [measure(v, is_log, normalize) for v, is_log in zip(rows, kinds, strict=True)]
    return None if any(row is None for row in found) else found
