"""Write the tables, or check a sample of them against fresh evaluations.

``python -m tests.tables.regenerate [--check] [--redraw] [function ...]``
"""

import argparse
import time
from multiprocessing import Pool

import numpy as np
from mpmath import mp

from ..oracle import DEFINITIONS, condition, evaluate
from ..oracle.exact import FORMATS
from .drawn import case_inputs
from .files import (
    Line,
    Section,
    checksum,
    operands_key,
    options_text,
    write_operands,
    write_table,
)  # fmt: skip
from .load import DIGITS, stored_cases
from .plan import cases

# A truth that rounds to infinity or to zero as a float64 is written as that.
OVERFLOW_BITS, UNDERFLOW_BITS = 1025, -1100


def truth_text(value, digits):
    """Write a number with so many significant digits."""
    if mp.isnan(value):
        return "nan"
    if mp.isinf(value) or (value != 0 and mp.mag(value) > OVERFLOW_BITS):
        return "inf" if value > 0 else "-inf"
    if value == 0 or mp.mag(value) < UNDERFLOW_BITS:
        return "0"
    with mp.workprec(256):
        text = mp.nstr(value, digits, min_fixed=-4, max_fixed=17)
    return text.replace("e+", "e").replace(".0e", "e").removesuffix(".0")


def condition_text(value):
    """Write a condition number, rounded up; as 1 if it differs from that by rounding alone."""
    if value - 1 < 2**-40:
        return "1"
    return "inf" if mp.isinf(value) or value > 1e300 else f"{float(value) * 1.001:.4g}"


def evaluate_row(function, row, options):
    """The value, the sign (or None) and the condition number of one row or point."""
    options = dict(options)
    return_sign = options.pop("return_sign", False)
    value = evaluate(function, *row, **options)
    sign = None
    if function == "logsumexp":
        value, sign = value
        if sign < 0 and not return_sign:
            value = mp.nan
    if function == "chernoff_information":
        value, _ = value
    scalar = None if isinstance(value, list) else value
    return value, sign if return_sign else None, condition(function, row, options, scalar)


def evaluate_case(task):
    """Evaluate a case: its line, the checksum of its operands, and those to be stored."""
    function, dtype, case, redraw = task
    inputs = case_inputs(case, function, dtype, redraw=redraw)
    unmasked = "recipe" in case and "mask" not in case["regime"]
    if unmasked and not all(np.isfinite(v).all() for v in inputs):
        raise ValueError(f"{function} {dtype} {case['recipe']}: overflow")
    key = operands_key(case["stored"], inputs) if "stored" in case else None
    points = zip(*(v.astype(np.float64).tolist() for v in inputs), strict=True)
    results = [evaluate_row(function, point, case["options"]) for point in points]
    line = Line(case["regime"], inputs[0].shape, *row_texts(dtype, results))
    return line, checksum(inputs), {key: inputs} if key else {}


def row_texts(dtype, results):
    """Write the values of rows or points, and their condition numbers and signs if needed."""
    values = [v for value, _, _ in results for v in _listed(value)]
    signs = [sign for _, sign, _ in results if sign is not None]
    numbers = [condition_text(c) for _, _, number in results for c in _listed(number)]
    return (
        " ".join(truth_text(v, DIGITS[dtype]) for v in values),
        " ".join(numbers) if set(numbers) != {"1"} else "",
        " ".join("nan" if mp.isnan(s) else str(int(s)) for s in signs),
    )


def _listed(value):
    """A number for each entry, where there is not just one for all."""
    return value if isinstance(value, list) else [value]


def _cost(task):
    recipe = task[2].get("recipe")
    return recipe["rows"] * recipe["n"] if recipe else 0


def regenerate(functions, processes, *, redraw=False):
    """Evaluate and write every table of some functions."""
    tasks = [
        (function, dtype, case, redraw)
        for function in functions
        for dtype in FORMATS
        for case in cases(function, dtype)
    ]
    # The long rows first, so that no process is left with one at the end.
    order = sorted(range(len(tasks)), key=lambda i: -_cost(tasks[i]))
    results = [None] * len(tasks)
    with Pool(processes) as pool:
        evaluated = pool.imap(evaluate_case, [tasks[i] for i in order])
        for i, result in zip(order, evaluated, strict=True):
            results[i] = result
    tables, operands = {}, {}
    for (function, dtype, case, _), (line, crc, stored) in zip(tasks, results, strict=True):
        text = options_text(case["options"])
        table = tables.setdefault((function, dtype), {})
        table.setdefault(text, Section(text)).add(line, crc)
        operands.setdefault(dtype, {}).update(stored)
    for (function, dtype), table in tables.items():
        write_table(function, dtype, table)
    for dtype, by_key in operands.items():
        write_operands(dtype, by_key)


def sample(function, dtype, every=29, longest=1000):
    """Yield every so-manieth stored point as (case, operands, line, index)."""
    position = 0
    for case, inputs, line in stored_cases(function, dtype):
        if inputs[0].shape[-1] > longest and inputs[0].ndim > 1:
            continue
        for index in range(inputs[0].shape[0]):
            if position % every == 0:
                yield case, inputs, line, index
            position += 1


def mismatch(function, dtype, case, inputs, line, index):
    """Return how a stored point differs from a fresh evaluation, or None."""
    point = [v[index].astype(np.float64).tolist() for v in inputs]
    row = evaluate_row(function, point, case["options"])
    fresh = row_texts(dtype, [row])
    stored = (line.truth, line.condition, line.sign)
    for name, new, old in zip(("truth", "condition", "sign"), fresh, stored, strict=True):
        count = len(old.split()) // inputs[0].shape[0]
        old = " ".join(old.split()[index * count : (index + 1) * count])
        # Condition numbers of 1 are not written if those of the other points are 1 too.
        if name == "condition" and set(f"{new} {old}".split()) <= {"1"}:
            continue
        if new != old:
            return f"{function} {dtype} {case['regime']} [{index}]: {name} {old}, not {new}"
    return None


def check(functions):
    """Compare a sample with fresh evaluations, and operands with their checksums."""
    failures, count = [], 0
    for function in functions:
        for dtype in FORMATS:
            for point in sample(function, dtype):
                failures.append(mismatch(function, dtype, *point))
                count += 1
    failures = [f for f in failures if f]
    print(f"{count} points, {len(failures)} failures", *failures, sep="\n")
    return not failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function", nargs="*", default=list(DEFINITIONS))
    parser.add_argument("--check", action="store_true", help="verify a sample, write nothing")
    parser.add_argument(
        "--redraw", action="store_true", help="draw stored operands anew (logarithms differ)"
    )
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    unknown = set(options.function) - set(DEFINITIONS)
    if unknown:
        parser.error(f"no such function: {', '.join(sorted(unknown))}")
    started = time.monotonic()
    if options.check:
        raise SystemExit(0 if check(options.function) else 1)
    regenerate(options.function, options.processes, redraw=options.redraw)
    print(f"{len(options.function)} functions in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
