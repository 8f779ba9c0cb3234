"""Operands of cases, and cases of drawn rows, which are named by a recipe."""

from functools import cache

import numpy as np

from . import special_rows
from .files import operands_key, stored_operands
from .rows import LOGITS, WEIGHTS, draw_rows, float_dtype_has

SPECIAL = {"weights": special_rows.special_weights, "logits": special_rows.special_logits}

# A row of one entry is 0 whatever it holds; these few show that.
SINGLE = {"spread", "far", "subnormal", "gap 1e-01", "offset both", "masked both", "wild"}

ONE_ROW = frozenset(
    "logsumexp softmax log_softmax entropy renyi_entropy tsallis_entropy surprisal".split()
)
THREE_ROWS = frozenset(["generalized_js_divergence"])


def case_inputs(case, function, dtype, *, redraw=False):
    """Return the operands of a case: as stored, as drawn by its recipe, or as it has them.

    With `redraw`, stored operands are ignored, as if they were drawn for the first time.
    """
    if "recipe" in case:
        return operands(function, _pair(dtype, **case["recipe"]))
    stored = None
    if "stored" in case and not redraw:
        key = operands_key(case["stored"], case["inputs"])
        stored = stored_operands(key, dtype, case["inputs"][0].shape)
    return case["inputs"] if stored is None else stored


@cache
def _pair(dtype, **recipe):
    """Draw a pair of rows once for all functions."""
    pair = draw_rows(recipe, dtype)
    for rows in pair:
        rows.flags.writeable = False
    return pair


def operands(function, pair):
    """As many rows as a function takes, of a pair."""
    if function in ONE_ROW:
        return pair[:1]
    if function in THREE_ROWS:
        return *pair, _third(*pair)
    return pair


def _third(p, q):
    """The first half of one row and the second half of the other: as near as the two are."""
    half = p.shape[1] // 2
    return np.concatenate([p[:, :half], q[:, half:]], axis=1)


def drawn(fmt, kind, names, counts, options):
    """Yield cases of one kind of row for each of some regimes and lengths."""
    table = {"weights": WEIGHTS, "logits": LOGITS}[kind]
    for name in table:
        if name not in names or not has(fmt, name):
            continue
        for n, rows in counts.items():
            if n == 1 and name not in SINGLE:
                continue
            recipe = {"kind": kind, "name": name, "rows": rows, "n": n, "seed": 1}
            yield {"regime": name, "options": options, "recipe": recipe}


def has(fmt, name):
    """Whether a format can tell a regime's gap from none."""
    return not name.startswith("gap") or float_dtype_has(fmt, float(name[4:]))
