"""Joint tables: textbook definitions, derivatives and condition numbers.

A table is a flat row and its ``shape``. Variables are its axes in order: x, y and, for the
conditional mutual information, z, which is given.
"""

from dataclasses import dataclass
from itertools import product

from mpmath import mp

ZERO, ONE = mp.mpf(0), mp.mpf(1)
NOTHING, UNDEFINED = (ZERO, ONE), (mp.nan, ONE)


@dataclass
class Table:
    """Probabilities by cell, and the total of what they were."""

    cells: list
    p: dict
    total: mp.mpf
    is_log: bool

    def sums(self, axes):
        """Of what is left along some axes, for every cell."""
        parts = {}
        for cell in self.cells:
            parts.setdefault(tuple(cell[a] for a in axes), []).append(self.p[cell])
        sums = {outcome: mp.fsum(group) for outcome, group in parts.items()}
        return {cell: sums[tuple(cell[a] for a in axes)] for cell in self.cells}

    def mean(self, values):
        return mp.fsum(self.p[cell] * values[cell] for cell in self.cells if self.p[cell])

    def share(self, axes, values):
        """Means of values over the cells that agree along some axes."""
        parts, sums = {}, self.sums(axes)
        for cell in self.cells:
            if self.p[cell]:
                term = self.p[cell] / sums[cell] * values[cell]
                parts.setdefault(tuple(cell[a] for a in axes), []).append(term)
        return {
            cell: mp.fsum(parts.get(tuple(cell[a] for a in axes), [])) for cell in self.cells
        }

    def slope(self, cell):
        """The derivative by an entry is this times that by its mass."""
        return self.p[cell] if self.is_log else 1 / self.total


def _table(row, shape, from_logits):
    """The table, or None where it is none: an invalid entry, or nothing at all."""
    if not all(v < mp.inf if from_logits else 0 <= v < mp.inf for v in row):
        return None
    weights = [mp.exp(v) for v in row] if from_logits else row
    total = mp.fsum(weights)
    if not total:
        return None
    cells = list(product(*(range(n) for n in shape)))
    p = dict(zip(cells, (w / total for w in weights), strict=True))
    return Table(cells, p, total, from_logits)


def _marginals(function, count):
    """What a function is the mean logarithm of: the axes of what is above, and below."""
    every = tuple(range(count))
    return {
        "mutual_information": ([(0, 1)], [(0,), (1,)]),
        "conditional_mutual_information": ([(0, 1, 2), (2,)], [(0, 2), (1, 2)]),
        "total_correlation": ([every], [(axis,) for axis in every]),
        "joint_entropy": ([], [every]),
        "conditional_entropy": ([(1,)], [(0, 1)]),
        "variation_of_information": ([(0,), (1,)], [(0, 1), (0, 1)]),
        "entropy of x": ([], [(0,)]),
        "entropy of y": ([], [(1,)]),
    }[function]


def _logarithms(function, table, bits=None):
    """At every cell; where it has no mass, what the logarithm tends to as its mass does.

    With ``bits``, what is smaller than the last bit of its parts is zero.
    """
    above, below = _marginals(function, len(table.cells[0]))
    signed = [(table.sums(axes), 1) for axes in above] + [
        (table.sums(axes), -1) for axes in below
    ]
    found = {}
    for cell in table.cells:
        power = sum(sign for sums, sign in signed if not sums[cell])
        parts = [sign * mp.log(sums[cell]) for sums, sign in signed if sums[cell]]
        value, size = mp.fsum(parts), mp.fsum(abs(part) for part in parts)
        if bits is not None and abs(value) <= mp.ldexp(size, -bits):
            value = ZERO
        found[cell] = value if not power else -mp.inf if power > 0 else mp.inf
    return found


def _mean_of(function):
    def definition(joint, shape, from_logits=False):
        table = _table(joint, shape, from_logits)
        return mp.nan if table is None else table.mean(_logarithms(function, table))

    return definition


def _average(one, other, average):
    return {
        "arithmetic": lambda: (one + other) / 2,
        "geometric": lambda: mp.sqrt(one) * mp.sqrt(other),
        "min": lambda: min(one, other),
        "max": lambda: max(one, other),
    }[average]()


def _one_outcome(table, axis):
    sums = table.sums((axis,))
    return len({cell[axis] for cell in table.cells if sums[cell]}) == 1


def normalized_mutual_information(joint, shape, from_logits=False, average="arithmetic"):
    """Mutual information over an average of entropies, or over the joint entropy.

    1 where both variables are constant; 0 where one is.
    """
    table = _table(joint, shape, from_logits)
    if table is None:
        return mp.nan
    constant = [_one_outcome(table, axis) for axis in (0, 1)]
    if any(constant):
        return mp.mpf(all(constant))
    information = table.mean(_logarithms("mutual_information", table))
    if average == "joint":
        return information / table.mean(_logarithms("joint_entropy", table))
    entropies = [table.mean(_logarithms(f"entropy of {v}", table)) for v in "xy"]
    return information / _average(*entropies, average)


def pointwise_mutual_information(joint, shape, from_logits=False):
    """``log(p/(p_x*p_y))``, -inf where p = 0, but 0 where p_x or p_y is."""
    table = _table(joint, shape, from_logits)
    if table is None:
        return [mp.nan] * len(joint)
    logs, x, y = _logarithms("mutual_information", table), table.sums((0,)), table.sums((1,))
    return [logs[cell] if x[cell] and y[cell] else ZERO for cell in table.cells]


DEPENDENCES = (
    "mutual_information",
    "conditional_mutual_information",
    "total_correlation",
)
MEANS = (
    *DEPENDENCES,
    "joint_entropy",
    "conditional_entropy",
    "variation_of_information",
)
DEFINITIONS = {name: _mean_of(name) for name in MEANS} | {
    f.__name__: f for f in (normalized_mutual_information, pointwise_mutual_information)
}

# Derivatives ----------------------------------------------------------------------------


def _rates(function, table, bits):
    """The mean, and at every cell the logarithm less the mean with the size of what it is."""
    logs = _logarithms(function, table, bits)
    value = table.mean(logs)
    value = ZERO if abs(value) <= mp.ldexp(ONE, -bits) else value
    sizes = {cell: abs(logs[cell]) + abs(value) for cell in table.cells}
    if table.is_log and function in DEPENDENCES:
        # Logits' marginals are found by what is left of the log-ratios along them.
        left = {cell: abs(logs[cell]) for cell in table.cells}
        for axes in _marginals(function, len(table.cells[0]))[1]:
            along = table.share(axes, left)
            sizes = {cell: size + along[cell] for cell, size in sizes.items()}
        mean = table.mean(left)
        sizes = {cell: size + mean for cell, size in sizes.items()}
    return value, {cell: (logs[cell] - value, sizes[cell]) for cell in table.cells}


def _component(table, cell, rate, size, bits):
    if table.is_log and not table.p[cell]:
        return NOTHING
    if not mp.isfinite(rate):
        return rate, ONE
    if not size:
        return NOTHING
    if abs(rate) <= mp.ldexp(size, -bits):
        return ZERO, mp.inf
    return rate * table.slope(cell), size / abs(rate)


def _slopes_of(function):
    def slopes(joint, shape, from_logits=False, *, bits):
        table = _table(joint, shape, from_logits)
        if table is None:
            return [[UNDEFINED] * len(joint)]
        _, rates = _rates(function, table, bits)
        return [[_component(table, cell, *rates[cell], bits) for cell in table.cells]]

    return slopes


def _normalized_slopes(joint, shape, from_logits=False, average="arithmetic", *, bits):
    """By the quotient's rule; zero where there is nothing to know."""
    table = _table(joint, shape, from_logits)
    if table is None:
        return [[UNDEFINED] * len(joint)]
    constant = [_one_outcome(table, axis) for axis in (0, 1)]
    if all(constant) or (any(constant) and average in ("geometric", "min")):
        return [[NOTHING] * len(joint)]
    names = ["joint_entropy"] if average == "joint" else ["entropy of x", "entropy of y"]
    information, rates = _rates("mutual_information", table, bits)
    entropies, others = zip(*(_rates(name, table, bits) for name in names), strict=True)
    if average == "joint":
        mean, shares = entropies[0], [ONE]
    else:
        mean, shares = _average(*entropies, average), _shares(*entropies, average, bits)
    found = []
    for cell in table.cells:
        parts = [(ONE, *rates[cell])]
        for share, other in zip(shares, others, strict=True):
            parts.append((-information / mean * share, *other[cell]))
        parts = [(factor / mean, *rest) for factor, *rest in parts if factor]
        rate = mp.fsum(factor * r for factor, r, _ in parts)
        size = mp.fsum(abs(factor) * s for factor, _, s in parts)
        found.append(_component(table, cell, rate, size, bits))
    return [found]


def _shares(one, other, average, bits):
    """The derivatives of the average; ties share."""
    if average == "arithmetic":
        return mp.mpf(0.5), mp.mpf(0.5)
    if average == "geometric":
        return mp.sqrt(other / one) / 2, mp.sqrt(one / other) / 2
    if abs(one - other) <= mp.ldexp(one, -bits):
        return mp.mpf(0.5), mp.mpf(0.5)
    first = (one < other) == (average == "min")
    return mp.mpf(first), mp.mpf(not first)


def _pointwise_slopes(joint, shape, from_logits=False, *, bits, seeds):
    """``c - sums of c`` along rows, columns and all, by shares; over the masses of weights."""
    table = _table(joint, shape, from_logits)
    if table is None:
        return [[UNDEFINED] * len(joint)]
    x, y = table.sums((0,)), table.sums((1,))
    given = dict(zip(table.cells, seeds, strict=True))
    alive = [cell for cell in table.cells if x[cell] and y[cell]]
    found = []
    for cell in table.cells:
        mass = table.p[cell]
        if cell in alive and not (mass or table.is_log):
            found.append((mp.sign(given[cell]) * mp.inf if given[cell] else ZERO, ONE))
            continue
        rows = [given[c] for c in alive if c[0] == cell[0]]
        columns = [given[c] for c in alive if c[1] == cell[1]]
        parts = [-c / x[cell] for c in rows] + [-c / y[cell] for c in columns]
        parts += [given[c] for c in alive]
        if mass:
            parts.append(given[cell] / mass)
        rate, size = mp.fsum(parts), mp.fsum(abs(part) for part in parts)
        found.append(_component(table, cell, rate, size, bits))
    return [found]


AVERAGES = ("arithmetic", "geometric", "min", "max", "joint")
SLOPES = {name: _slopes_of(name) for name in MEANS} | {
    "normalized_mutual_information": _normalized_slopes,
    "pointwise_mutual_information": _pointwise_slopes,
}


def pointwise_condition(joint, shape, from_logits=False, *, bits):
    """For every entry: of logits, how an exact log-ratio is centred."""
    table = _table(joint, shape, from_logits)
    if table is None or not from_logits:
        return [ONE] * len(joint)
    logs = _logarithms("mutual_information", table, bits)
    left = {cell: abs(logs[cell]) for cell in table.cells}
    along = [table.share((axis,), left) for axis in (0, 1)]
    whole, found = table.mean(left), []
    finite = [v for v in joint if mp.isfinite(v)]
    whole += mp.ldexp(max(finite) - min(finite), -50)  # two words of a logit end there
    for cell in table.cells:
        size = left[cell] + along[0][cell] + along[1][cell] + whole
        known = mp.isfinite(logs[cell])
        if known and not logs[cell]:
            found.append(mp.inf if size else ONE)
        else:
            found.append(max(ONE, size / left[cell]) if known else ONE)
    return found
