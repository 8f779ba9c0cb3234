"""``python -m bench digits``: how many digits of a divergence are right, and for whom.

Relative errors against closeness, of what people write and of this library, of values and of
derivatives, in four dtypes; and on rows of a real language model. The figures that are shown
in the documentation are ``bench/results/digits.json``, made by ``--save digits``.
"""

from collections import defaultdict

from relentropy.testing.report import markdown as table

TITLES = {
    "logits": "KL divergence of logits",
    "probs": "KL divergence of probabilities",
    "log_probs": "k3 of sampled tokens",
}


def measured():
    """All curves, and all rows of real logits."""
    from . import errors

    return errors.curves(), errors.real()


def report(curves, real):
    """Tables of both in Markdown."""
    parts = ["## Digits", _NOTE]
    groups = defaultdict(list)
    for one in curves:
        groups[one.inputs, one.quantity, one.dtype].append(one)
    for (inputs, quantity, dtype), own in groups.items():
        gaps = list(own[0].errors)[::2]
        rows = [[one.formula, *(f"{one.errors[gap]:.0e}" for gap in gaps)] for one in own]
        heads = ["", *(f"{float(gap):.0e}" for gap in gaps)]
        parts += [f"### {TITLES[inputs]}, {quantity}, {dtype}", table(heads, rows)]
    return "\n\n".join([*parts, "### Real logits", students(real)])


_NOTE = """\
The largest relative error of four rows of 64 entries whose operands differ by the relative gap
in the head; of derivatives, relative to a row's largest. From 1 on no digit is right, and 1 is
also the error of a zero."""


def students(real, formulas=None):
    """A line for each student: how far it is, and each formula's median and worst error."""
    formulas = formulas or dict.fromkeys((one.formula, one.dtype) for one in real)
    by_student = defaultdict(dict)
    for one in real:
        by_student[one.student][one.formula, one.dtype] = one
    rows = []
    for name, own in by_student.items():
        divergences = next(iter(own.values())).divergences
        far = f"{min(divergences):.1e} to {max(divergences):.1e}"
        rows.append([name, far, *(_cell(own[key]) for key in formulas)])
    rows.sort(key=lambda row: -float(row[1].split()[0]))
    heads = ["student", "KL in nats", *(f"{name}, {dtype}" for name, dtype in formulas)]
    return table(heads, rows, left=1)


def _cell(one):
    """The worst of the rows, and how many are negative."""
    worst = max(map(abs, one.errors))
    negative = sum(error < -1 for error in one.errors)
    return f"{worst:.1e}" + f" ({negative} negative)" * bool(negative)
