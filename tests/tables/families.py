"""The families of divergences and entropies: their regimes, and their parameters in turn.

A function with parameters meets every regime, but not in every one of them: from one case
to the next the parameters take turns, so that each meets near, far, masked and special rows.
Their rows are named by recipes also where they are short, which keeps the tables small.
"""

import itertools
import math

import numpy as np

from ..oracle.f_divergences import F_DIVERGENCES, NAMED
from .draw import Draw
from .drawn import SPECIAL, drawn, has, operands
from .rows import LOGITS, WEIGHTS
from .special_rows import mixed

SHORT = {2: 3, 3: 3, 10: 1}
LONGER = {1000: 1}
LONG = {40000: 1}

HARD_WEIGHTS = (
    "spread", "far", "gap 1e-03", "gap 1e-08", "ulp", "single ulp", "ratio overflows",
    "subnormal", "tiny", "huge", "zeros p", "zeros q", "zeros both", "peaked", "peaked apart",
    "scaled 7.3", "counts", "probabilities", "equal",
)  # fmt: skip
HARD_LOGITS = (
    "gap 1e+00", "gap 1e-03", "gap 1e-08", "ulp", "single ulp", "offset both", "peaked",
    "masked both", "masked teacher", "masked teacher low", "masked teacher high",
    "masked student", "opposing 500", "disjoint", "wild", "steep", "confident both", "tiny",
    "equal",
)  # fmt: skip
ROW_WEIGHTS = (
    "spread", "far", "subnormal", "tiny", "huge", "zeros p", "peaked", "counts",
    "probabilities", "ratio overflows", "equal",
)  # fmt: skip
ROW_LOGITS = (
    "gap 1e+00", "offset both", "peaked", "flat", "flat offset", "masked both", "wild", "steep",
    "confident", "tiny", "opposing 500", "opposing 1200",
)  # fmt: skip

# Exponentials of the others overflow where nothing is normalised.
PLAIN = {
    "weights": ("factor two", "gap 1e-03", "zeros p"),
    "logits": ("gap 1e-01", "gap 1e-03", "masked teacher"),
}
LONGER_REGIMES = {
    "weights": ("spread", "gap 1e-08", "zeros p"),
    "logits": ("gap 1e+00", "gap 1e-03", "masked both"),
}
LONG_REGIMES = {"weights": ("gap 1e-04",), "logits": ("offset both",)}
MIXED = ("spread", "gap 1e-04", "masked")

RENYI = (0.0, 1e-12, 0.3, 0.5, 1.0, 1 + 1e-12, 1 - 1e-8, 2.0, 7.5, 1000.0, math.inf)


def _each(name, values):
    return tuple({name: value} for value in values)


# The oracle's divergences, with those that have parameters.
PARAMETERS = dict.fromkeys(F_DIVERGENCES, ({},)) | {
    "js_divergence": ({}, {"weight": 0.1}, {"weight": 0.9}),
    "chi2_divergence": _each("kind", ("pearson", "neyman")),
    "alpha_divergence": _each("alpha", (-1.0, 0.0, 0.3, 0.5, 1.0, 1 + 1e-9, 2.0, 3.5)),
    "tsallis_divergence": _each("alpha", (0.0, 1e-9, 0.5, 1.0, 2.0, 10.0)),
    "skew_kl_divergence": ({}, *_each("weight", (0.01, 0.99, 1.0))),
    "generalized_js_divergence": ({}, {"weights": [0.2, 0.3, 0.5]}),
    "f_divergence": _each("generator", NAMED),
    "renyi_divergence": _each("alpha", RENYI),
    "bhattacharyya_coefficient": ({},),
    "bhattacharyya_distance": ({},),
    "chernoff_information": ({},),
    "renyi_entropy": _each("alpha", RENYI),
    "tsallis_entropy": _each("alpha", RENYI),
    "kl_contributions": ({},),
    "surprisal": ({},),
}

EVERY_REGIME = {"js_divergence", "renyi_divergence"}
OF_ONE_ROW = {"renyi_entropy", "tsallis_entropy", "surprisal"}
SHORT_LISTED = {"renyi_entropy", "tsallis_entropy"}  # few regimes, which meet more parameters
OF_ENTRIES = {"kl_contributions", "surprisal"}
NORMALISED = {
    "renyi_divergence", "bhattacharyya_coefficient", "bhattacharyya_distance",
    "chernoff_information", "renyi_entropy", "tsallis_entropy", "generalized_js_divergence",
}  # fmt: skip


def cases(function, fmt):
    """Yield a dict per case, as `plan.cases` does."""
    turns = itertools.cycle(PARAMETERS[function])
    for kind in ("weights", "logits"):
        options = {"from_logits": kind == "logits"}
        for case in _rows(function, fmt, kind):
            for parameters in itertools.islice(turns, 2 if function in SHORT_LISTED else 1):
                yield case | {"options": options | parameters}
        for n, every in ((1, 1), (2, len(PARAMETERS[function])), (3, 1)):
            inputs = operands(function, SPECIAL[kind](fmt, n))
            if (function, kind) == ("chernoff_information", "logits"):
                inputs = _moderate(inputs)
            for parameters in itertools.islice(turns, every):
                yield {"regime": "special", "options": options | parameters, "inputs": inputs}
        if function not in NORMALISED:
            yield from _plain(function, fmt, kind, options | {"normalize": False}, turns)
    if function == "js_divergence":
        yield from _mixed(fmt, turns)


def _moderate(inputs):
    """Rows without logits of the range's size: a kink as narrow is not found in fixed steps."""
    wide = [np.abs(v.astype(np.float64)) for v in inputs]
    huge = [(v > 1e30) & np.isfinite(v) for v in wide]
    kept = ~np.any([v.any(axis=1) for v in huge], axis=0)
    return tuple(v[kept] for v in inputs)


def _rows(function, fmt, kind):
    """Normalised rows, without options."""
    names = _regimes(function)[kind]
    yield from drawn(fmt, kind, names, SHORT, {})
    if fmt.precision >= 24 and function not in OF_ENTRIES:
        longer = set(names).intersection(LONGER_REGIMES[kind])
        yield from drawn(fmt, kind, longer, LONGER, {})


def _regimes(function):
    if function in EVERY_REGIME:
        return {"weights": WEIGHTS, "logits": LOGITS}
    if function in OF_ONE_ROW:
        return {"weights": ROW_WEIGHTS, "logits": ROW_LOGITS}
    return {"weights": HARD_WEIGHTS, "logits": HARD_LOGITS}


def _plain(function, fmt, kind, options, turns):
    rows = drawn(fmt, kind, PLAIN[kind], SHORT, {})
    for case in rows:
        yield case | {"options": options | next(turns)}
    for n in (2, 3):
        inputs = operands(function, SPECIAL[kind](fmt, n))
        yield {"regime": "special", "options": options | next(turns), "inputs": inputs}


def _mixed(fmt, turns):
    for side, from_logits in ((0, [True, False]), (1, [False, True])):
        for regime in MIXED:
            if has(fmt, regime):
                for n, rows in SHORT.items():
                    draw = Draw(f"mixed {regime} {n} {side} {fmt.name}")
                    inputs = mixed(draw, fmt, (rows, n), regime, side)
                    options = {"from_logits": from_logits} | next(turns)
                    yield {
                        "regime": regime, "options": options,
                        "inputs": inputs, "stored": draw.name,
                    }  # fmt: skip


def long_cases(function, fmt):
    """Rows for which the oracle needs a minute, in float64 alone."""
    parameters = {"js_divergence": {}, "renyi_divergence": {"alpha": 0.5}}
    if function not in parameters or fmt.name != "float64":
        return
    for kind, names in LONG_REGIMES.items():
        options = {"from_logits": kind == "logits"} | parameters[function]
        yield from drawn(fmt, kind, names, LONG, options)
