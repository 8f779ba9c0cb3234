"""Pairs of real rows that are closer and closer, and how far apart they truly are.

    python -m bench.digits.students

computes the divergences that are not stored yet with the oracle, ten seconds a row, and stores
them in ``truths.json``. Those of the model's own copies stand with the data.
"""

import json
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
from mpmath import mp
from tests.data.smollm2.make_truth import DIGITS, widened
from tests.oracle import evaluate

TRUTHS = Path(__file__).with_name("truths.json")
COPIES = Path(sys.modules[widened.__module__].__file__).with_name("truth.json")


def pairs():
    """By name: rows of teacher and student in float32, by exact operations and one rounding."""
    teacher, copy, coarse = map(widened, ("teacher", "student_bfloat16", "student_int4"))
    found = {
        "4-bit copy": (teacher, coarse),
        "bfloat16 copy": (teacher, copy),
        "bfloat16 copy, temperature 8": (teacher / 8, copy / 8),
        "own logits stored in bfloat16": (teacher, _stored(teacher, ml_dtypes.bfloat16)),
        "own logits stored in float16": (teacher, _stored(teacher, np.float16)),
    }
    for power in (3, 6, 9):
        step = 2.0**-power * (copy.astype(np.float64) - teacher)
        found[f"1/{2**power} of the way to the bfloat16 copy"] = (
            teacher,
            (teacher + step).astype(np.float32),
        )
    return found


def truths():
    """By name: the divergence of each row, in nats, to 40 digits."""
    copies = json.loads(COPIES.read_text(encoding="utf-8"))
    found = {
        "4-bit copy": copies["int4"]["forward"],
        "bfloat16 copy": copies["bfloat16"]["forward"],
    }
    if TRUTHS.exists():
        found |= json.loads(TRUTHS.read_text(encoding="utf-8"))
    with mp.workdps(DIGITS + 5):
        return {name: [mp.mpf(one) for one in rows] for name, rows in found.items()}


def _stored(values, dtype):
    return values.astype(dtype).astype(np.float32)


def main():
    stored = json.loads(TRUTHS.read_text(encoding="utf-8")) if TRUTHS.exists() else {}
    known = truths()
    for name, rows in pairs().items():
        if name in known:
            continue
        stored[name] = []
        for p, q in zip(*rows, strict=True):
            value = evaluate("kl_divergence", p, q, from_logits=True)
            stored[name].append(mp.nstr(value, DIGITS))
            print(name, len(stored[name]), stored[name][-1][:12], flush=True)
        TRUTHS.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
