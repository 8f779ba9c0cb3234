"""Which regimes, lengths and options each function meets."""

import itertools

import numpy as np

from ..oracle.definitions import ELEMENTWISE
from ..oracle.exact import FORMATS
from ..oracle.joint import DEFINITIONS as TABLES
from . import binary, elementwise, families, joint, special_rows
from .draw import Draw
from .drawn import SPECIAL, drawn, has
from .rows import LOGITS, WEIGHTS

LONG = 131072

# Rows of each length; short rows are the hard ones, long rows cost much and differ little.
ROWS = {1: 3, 2: 6, 3: 6, 10: 2, 1000: 2, LONG: 1}
FEWER_ROWS = {2: 3, 3: 3, 10: 1, 1000: 1}

ENTROPY_WEIGHTS = (
    "spread", "far", "subnormal", "tiny", "huge", "zeros p", "peaked", "counts",
    "probabilities", "ratio overflows", "equal",
)  # fmt: skip
ENTROPY_LOGITS = (
    "gap 1e+00", "offset both", "peaked", "flat", "flat offset", "masked both", "wild", "steep",
    "confident", "tiny", "opposing 500", "opposing 1200",
)  # fmt: skip
CROSS_WEIGHTS = (
    "spread", "far", "factor two", "gap 1e-01", "gap 1e-08", "ulp", "ratio overflows",
    "subnormal", "tiny", "tiny apart", "huge", "zeros p", "zeros p close", "zeros q",
    "zeros both", "peaked", "peaked apart", "scaled 7.3", "counts", "probabilities",
)  # fmt: skip
CROSS_LOGITS = (
    "gap 1e+00", "gap 1e-01", "gap 1e-08", "ulp", "offset both", "offset one", "peaked", "flat",
    "flat offset", "masked both", "masked teacher", "masked teacher low", "masked teacher high",
    "masked student", "opposing 500", "opposing 1200", "disjoint", "wild", "steep", "confident",
    "confident both", "tiny",
)  # fmt: skip
PLAIN_WEIGHTS = (
    "spread", "far", "factor two", "gap 1e-01", "gap 1e-03", "gap 1e-05", "gap 1e-08",
    "gap 1e-12", "gap 1e-15", "ulp", "single ulp", "ratio overflows", "subnormal",
    "subnormal close", "tiny", "huge", "zeros p", "zeros p close", "zeros q", "zeros both",
    "peaked", "scaled 1/3", "equal",
)  # fmt: skip
PLAIN_LOGITS = (
    "gap 3e+00", "gap 1e-01", "gap 1e-03", "gap 1e-05", "gap 1e-08", "gap 1e-12", "ulp",
    "single ulp", "flat", "masked both", "masked teacher", "masked teacher low",
    "masked student", "opposing 500", "opposing 1200", "tiny", "equal",
)  # fmt: skip
SOFTMAX = (
    "gap 1e+00", "offset both", "peaked", "flat", "masked both", "wild", "steep", "confident",
    "tiny", "opposing 500", "opposing 1200", "disjoint",
)  # fmt: skip

LONG_WEIGHTS = {
    "kl_divergence": ("far", "gap 1e-04", "spread"),
    "entropy": ("spread",),
    "cross_entropy": ("spread",),
}
LONG_LOGITS = {
    "kl_divergence": (
        "peaked", "flat", "offset both", "masked teacher", "masked both", "masked student",
        "gap 1e-04", "gap 1e-01",
    ),
    "entropy": ("peaked", "offset both", "masked both"),
    "cross_entropy": ("peaked", "offset both", "masked teacher"),
    "logsumexp": ("peaked", "flat", "offset both", "masked both"),
}  # fmt: skip
# The oracle needs half a minute for a row, and narrow formats are widened alike.
LONG_NARROW = {"spread", "offset both", "masked teacher", "gap 1e-01"}


def cases(function, dtype):
    """Yield a dict per case: ``regime``, ``options`` and ``inputs`` or a ``recipe``.

    ``stored``, the name of the draw, is there if the inputs depend on the machine, so that the
    table has to hold them.
    """
    fmt = FORMATS[dtype]
    if function in binary.CASES:
        return _binary(function, fmt)
    if function in ELEMENTWISE:
        return _elementwise(function, fmt)
    if function in TABLES:
        return joint.cases(function, fmt)
    if function in families.PARAMETERS:
        return itertools.chain(
            families.cases(function, fmt), families.long_cases(function, fmt)
        )
    return {
        "logsumexp": _logsumexp,
        "softmax": _softmax,
        "log_softmax": _softmax,
        "entropy": _entropy,
        "kl_divergence": _two_sided,
        "cross_entropy": _two_sided,
    }[function](function, fmt)


def _elementwise(function, fmt):
    for regime in elementwise.CASES[function]:
        draw = Draw(f"{function} {regime.__name__} {fmt.name}")
        stored = draw.name if regime.__name__ in elementwise.BY_LOGARITHMS else None
        yield from _points(regime, {}, regime(draw, fmt), fmt, stored)


def _binary(function, fmt):
    for forms, regime in binary.CASES[function]:
        draw = Draw(f"{function} {'/'.join(forms)} {regime.__name__} {fmt.name}")
        stored = draw.name if binary.by_logarithms(forms, regime) else None
        options = binary.options(forms)
        yield from _points(regime, options, regime(draw, fmt, forms), fmt, stored)


def _points(regime, options, values, fmt, stored):
    """The points that the format can hold."""
    inputs = [np.asarray(v).astype(np.float64) for v in values]
    rounded = [fmt.round(v) for v in inputs]
    fits = np.all(
        [np.isinf(v) <= np.isinf(x) for x, v in zip(inputs, rounded, strict=True)], axis=0
    )
    if fits.any():
        name = regime.__name__.replace("_", " ")
        case = {"regime": name, "options": options, "inputs": tuple(v[fits] for v in rounded)}
        yield case | {"stored": stored} if stored else case


def _long(function, fmt, options):
    one_row = {LONG: ROWS[LONG]}
    weights, logits = LONG_WEIGHTS.get(function, ()), LONG_LOGITS[function]
    narrow = fmt.precision < 24
    weights = [v for v in weights if v in LONG_NARROW or not narrow]
    logits = [v for v in logits if (v in LONG_NARROW if narrow else v != "gap 1e-01")]
    if function == "logsumexp":
        yield from drawn(fmt, "logits", logits, one_row, options)
        return
    for kind, names in (("weights", weights), ("logits", logits)):
        more = options | {"from_logits": kind == "logits"}
        yield from drawn(fmt, kind, names, one_row, more)


def _short():
    return {n: rows for n, rows in ROWS.items() if n != LONG}


def _entropy(function, fmt):
    for kind, names in (("weights", ENTROPY_WEIGHTS), ("logits", ENTROPY_LOGITS)):
        for normalize in (True, False):
            options = {"from_logits": kind == "logits", "normalize": normalize}
            counts = _short() if normalize else FEWER_ROWS
            if kind == "logits" and not normalize:
                names = ("gap 1e+00", "flat", "masked both")  # the others overflow exp
            yield from drawn(fmt, kind, names, counts, options)
            for n in (1, 2, 3):
                p, _ = SPECIAL[kind](fmt, n)
                if (kind, n) == ("logits", 1):  # no difference of two rows that overflows
                    p[p == fmt.largest / 2] = fmt.largest
                yield {"regime": "special", "options": options, "inputs": (p,)}
    yield from _long(function, fmt, {"normalize": True})


def _two_sided(function, fmt):
    weights, logits = (
        (WEIGHTS, LOGITS) if function == "kl_divergence" else (CROSS_WEIGHTS, CROSS_LOGITS)
    )
    for kind, normalised, plain in (
        ("weights", set(weights), set(weights).intersection(PLAIN_WEIGHTS)),
        ("logits", set(logits), set(logits).intersection(PLAIN_LOGITS)),
    ):
        for normalize in (True, False):
            options = {"from_logits": kind == "logits", "normalize": normalize}
            names, counts = (normalised, _short()) if normalize else (plain, FEWER_ROWS)
            yield from drawn(fmt, kind, names, counts, options)
            for n in (1, 2, 3):
                yield {"regime": "special", "options": options, "inputs": SPECIAL[kind](fmt, n)}
    for side, from_logits in ((0, [True, False]), (1, [False, True])):
        for normalize in (True, False):
            options = {"from_logits": from_logits, "normalize": normalize}
            for regime in special_rows.MIXED:
                if has(fmt, regime):
                    for n, rows in ((2, 4), (3, 4), (10, 2)):
                        draw = Draw(f"mixed {regime} {n} {side} {fmt.name}")
                        inputs = special_rows.mixed(draw, fmt, (rows, n), regime, side)
                        yield {
                            "regime": regime, "options": options,
                            "inputs": inputs, "stored": draw.name,
                        }  # fmt: skip
    yield from _long(function, fmt, {"normalize": True})


def _logsumexp(function, fmt):
    yield from drawn(fmt, "logits", SOFTMAX, _short(), {})
    for n in (1, 2, 3, 10):
        draw = Draw(f"sum near one {n} {fmt.name}")
        inputs = special_rows.sum_near_one(draw, fmt, (8, n))
        case = {"regime": "sum near one", "options": {}, "inputs": inputs}
        yield case | {"stored": draw.name}
        for regime in special_rows.WEIGHTED:
            if n == 1 and regime != "signed":
                continue
            draw = Draw(f"{regime} {n} {fmt.name}")
            inputs = special_rows.weighted(draw, fmt, (6, n), regime)
            case = {"regime": regime, "options": {"return_sign": True}, "inputs": inputs}
            yield case | {"stored": draw.name} if regime == "near one" else case
            if regime == "signed":
                yield {"regime": regime, "options": {}, "inputs": inputs}
        if n <= 3:
            inputs = special_rows.special_exponents(fmt, n)
            yield {"regime": "special", "options": {}, "inputs": inputs}
    inputs = special_rows.special_weighted(fmt)
    yield {"regime": "special", "options": {"return_sign": True}, "inputs": inputs}
    yield from _long(function, fmt, {})


def _softmax(function, fmt):
    counts = {1: 2, 2: 8, 3: 6, 10: 2}
    yield from drawn(fmt, "logits", SOFTMAX, counts, {})
    if fmt.precision >= 24:  # truths take room, one for each entry
        yield from drawn(fmt, "logits", ("gap 1e+00",), {1000: 1}, {})
    yield from drawn(fmt, "logits", ("peaked",), {100: 1}, {})
    for n in (1, 2, 3):
        inputs = special_rows.special_exponents(fmt, n)
        yield {"regime": "special", "options": {}, "inputs": inputs}
