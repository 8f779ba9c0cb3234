"""Write the tables, or check a sample of them against fresh evaluations.

``python -m tests.tables.regenerate [--check] [function ...]``
"""

import argparse
import json
import math
import time
import zlib
from multiprocessing import Pool

import numpy as np
from mpmath import mp

from ..oracle import DEFINITIONS, condition, evaluate
from ..oracle.exact import FORMATS, to_text
from .drawn import case_inputs
from .load import DATA, load, read
from .plan import cases

TRUTH_DIGITS = 40
# A truth that rounds to infinity or to zero as a float64 is written as that.
OVERFLOW_BITS, UNDERFLOW_BITS = 1025, -1100
PER_LINE = {"inputs": 4, "truth": 2, "condition": 8, "sign": 16}


def truth_text(value):
    if mp.isnan(value):
        return "nan"
    if mp.isinf(value) or (value != 0 and mp.mag(value) > OVERFLOW_BITS):
        return "inf" if value > 0 else "-inf"
    if value == 0 or mp.mag(value) < UNDERFLOW_BITS:
        return "0"
    with mp.workprec(256):
        return mp.nstr(value, TRUTH_DIGITS, min_fixed=1, max_fixed=0).replace("e+", "e")


def condition_text(value):
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
    """Evaluate a case: what is stored of it, as text."""
    function, dtype, case = task
    inputs = case_inputs(case, function, dtype)
    stored = {"regime": case["regime"], "options": case["options"]}
    if "recipe" in case:
        if not all(np.isfinite(v).all() for v in inputs if "mask" not in case["regime"]):
            raise ValueError(f"{function} {dtype} {case['recipe']}: overflow")
        stored |= {"recipe": case["recipe"], "crc": checksum(inputs)}
    elif inputs[0].ndim == 1:
        stored["inputs"] = [_wrap(to_text(v), PER_LINE["inputs"]) for v in inputs]
    else:
        stored["inputs"] = [[to_text(row) for row in v] for v in inputs]
    points = zip(*(v.astype(np.float64).tolist() for v in inputs), strict=True)
    results = [evaluate_row(function, point, case["options"]) for point in points]
    if isinstance(results[0][0], list):
        stored["truth"] = [_wrap(" ".join(map(truth_text, v)), 2) for v, _, _ in results]
    else:
        stored["truth"] = _wrap(" ".join(truth_text(v) for v, _, _ in results), 2)
    if case["options"].get("return_sign"):
        signs = ["nan" if mp.isnan(s) else str(int(s)) for _, s, _ in results]
        stored["sign"] = _wrap(" ".join(signs), PER_LINE["sign"])
    numbers = [c for _, _, number in results for c in _listed(number)]
    if any(c != 1 for c in numbers):
        text = " ".join(condition_text(c) if c != 1 else "1" for c in numbers)
        stored["condition"] = _wrap(text, PER_LINE["condition"])
    return stored


def _listed(value):
    """A number for each entry, where there is not just one for all."""
    return value if isinstance(value, list) else [value]


def checksum(inputs):
    """A checksum of drawn inputs, by which a machine that draws others is found out."""
    return zlib.crc32(b"".join(np.ascontiguousarray(v).tobytes() for v in inputs))


def drawn_as_stored(case, function, dtype):
    return checksum(case_inputs(case, function, dtype)) == case["crc"]


def _wrap(text, per_line):
    words = text.split()
    return [" ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]


def _cost(task):
    recipe = task[2].get("recipe")
    return recipe["rows"] * recipe["n"] if recipe else 0


def regenerate(functions, processes):
    """Evaluate and write every table of some functions."""
    tasks = [
        (function, dtype, case)
        for function in functions
        for dtype in FORMATS
        for case in cases(function, dtype)
    ]
    # The long rows first, so that no process is left with one at the end.
    order = sorted(range(len(tasks)), key=lambda i: -_cost(tasks[i]))
    stored = [None] * len(tasks)
    with Pool(processes) as pool:
        results = pool.imap(evaluate_case, [tasks[i] for i in order])
        for i, result in zip(order, results, strict=True):
            stored[i] = result
    for function in functions:
        (DATA / function).mkdir(parents=True, exist_ok=True)
        for dtype in FORMATS:
            mine = [
                result
                for task, result in zip(tasks, stored, strict=True)
                if task[:2] == (function, dtype)
            ]
            path = DATA / function / f"{dtype}.json"
            path.write_text(json.dumps(mine, indent=0) + "\n", encoding="utf-8")


def sample(function, dtype, every=29, longest=1000):
    """Yield every so-manieth stored point as (case, index)."""
    position = 0
    for case in load(function, dtype):
        if case.inputs[0].shape[-1] > longest and case.inputs[0].ndim > 1:
            continue
        for index in range(case.inputs[0].shape[0]):
            if position % every == 0:
                yield case, index
            position += 1


def mismatch(case, index):
    """Say how a stored point differs from a fresh evaluation, or return None."""
    point = [v[index].astype(np.float64).tolist() for v in case.inputs]
    value, sign, number = evaluate_row(case.function, point, case.options)
    truths = _listed(value)
    stored = zip(
        np.atleast_1d(case.truth_hi[index]), np.atleast_1d(case.truth_lo[index]), strict=True
    )
    where = f"{case.function} {case.dtype} {case.regime} [{index}]"
    for fresh, (hi, lo) in zip(truths, stored, strict=True):
        if not _reproduced(fresh, float(hi), float(lo)):
            return f"{where}: {hi!r} + {lo!r}, not {mp.nstr(fresh, TRUTH_DIGITS)}"
    if sign is not None and not np.array_equal(float(sign), case.sign[index], equal_nan=True):
        return f"{where}: sign {case.sign[index]}"
    numbers = _listed(number)
    stored = np.broadcast_to(case.condition[index], len(numbers))
    for fresh, held in zip(numbers, stored, strict=True):
        if held < 1e300 and not float(fresh) <= held <= 1.01 * float(fresh):
            return f"{where}: condition {held}"
    return None


def _reproduced(fresh, hi, lo):
    text = truth_text(fresh)
    if text in ("nan", "inf", "-inf", "0"):
        return (math.isnan(hi) if text == "nan" else hi == float(text)) and lo == 0
    if not math.isfinite(hi):
        return hi == float(text)
    with mp.workprec(2200):
        error = abs(mp.mpf(hi) + mp.mpf(lo) - fresh)
        return error <= max(abs(fresh) * mp.mpf(2) ** -104, mp.mpf(2) ** -1074)


def check(functions):
    """Compare a sample with fresh evaluations and the drawn rows with their checksums."""
    failures, count = [], 0
    for function in functions:
        for dtype in FORMATS:
            for case, index in sample(function, dtype):
                failures.append(mismatch(case, index))
                count += 1
            failures += [
                f"{function} {dtype} {case['recipe']}: other rows drawn"
                for case in read(function, dtype)
                if "recipe" in case and not drawn_as_stored(case, function, dtype)
            ]
    failures = [f for f in failures if f]
    print(f"{count} points, {len(failures)} failures", *failures, sep="\n")
    return not failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function", nargs="*", default=list(DEFINITIONS))
    parser.add_argument("--check", action="store_true", help="verify a sample, write nothing")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    unknown = set(options.function) - set(DEFINITIONS)
    if unknown:
        parser.error(f"no such function: {', '.join(sorted(unknown))}")
    started = time.monotonic()
    if options.check:
        raise SystemExit(0 if check(options.function) else 1)
    regenerate(options.function, options.processes)
    print(f"{len(options.function)} functions in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
