"""Compute the divergences of the stored logits, to 60 digits, and store 40 of them.

    python -m tests.data.smollm2.make_truth

takes ten seconds a row and ten minutes in all, with one process. Only the oracle and numpy
are used.
"""

import json
import sys
from pathlib import Path

import numpy as np
from mpmath import mp

from ...oracle import evaluate

HERE = Path(__file__).parent
DIGITS = 40


def widened(name):
    """The stored logits as float32, which holds every one of them exactly."""
    array = np.load(HERE / f"{name}.npy")
    if array.dtype.kind == "V":  # bfloat16, which numpy has no name for
        array = (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return array


def main():
    teacher = widened("teacher")
    truth = {}
    for student in ("int4", "bfloat16"):
        forward, reverse = [], []
        for p, q in zip(teacher, widened(f"student_{student}"), strict=True):
            for found, one, other in ((forward, p, q), (reverse, q, p)):
                value = evaluate("kl_divergence", one, other, from_logits=True)
                found.append(mp.nstr(value, DIGITS))
            sys.stderr.write(f"{student}: {len(forward)} of {len(teacher)} rows\n")
        truth[student] = {"forward": forward, "reverse": reverse}
    text = json.dumps(truth, indent=1) + "\n"
    (HERE / "truth.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
