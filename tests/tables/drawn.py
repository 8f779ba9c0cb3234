"""Cases of drawn rows: stored where they are short, named by a recipe where they are long."""

import numpy as np

from . import special_rows
from .rows import LOGITS, WEIGHTS, draw_rows, float_dtype_has

STORED_BELOW = 100

SPECIAL = {"weights": special_rows.special_weights, "logits": special_rows.special_logits}

# A row of one entry is 0 whatever it holds; these few show that.
SINGLE = {"spread", "far", "subnormal", "gap 1e-01", "offset both", "masked both", "wild"}

ONE_ROW = frozenset(
    "logsumexp softmax log_softmax entropy renyi_entropy tsallis_entropy surprisal".split()
)
THREE_ROWS = frozenset(["generalized_js_divergence"])


def case_inputs(case, function, dtype):
    """The inputs of a case, drawn by its recipe where they are not stored."""
    if "recipe" not in case:
        return case["inputs"]
    return operands(function, draw_rows(case["recipe"], dtype))


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


def drawn(function, fmt, kind, names, counts, options, stored_below=STORED_BELOW):
    """Cases of one kind of row for each of some regimes and lengths."""
    table = {"weights": WEIGHTS, "logits": LOGITS}[kind]
    for name in table:
        if name not in names or not has(fmt, name):
            continue
        for n, rows in counts.items():
            if n == 1 and name not in SINGLE:
                continue
            recipe = {"kind": kind, "name": name, "rows": rows, "n": n, "seed": 1}
            case = {"regime": name, "options": options, "recipe": recipe}
            if n < stored_below:
                inputs = case_inputs(case, function, fmt.name)
                case = {"regime": name, "options": options, "inputs": inputs}
            yield case


def has(fmt, name):
    """Whether a format can tell a regime's gap from none."""
    return not name.startswith("gap") or float_dtype_has(fmt, float(name[4:]))
