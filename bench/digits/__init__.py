"""``python -m bench digits``: how many digits of a divergence are right, and for whom.

Relative errors against closeness, of what people write and of this library, of values and of
derivatives, in four dtypes; on rows of a real language model; and what it does to a training.
What the documentation shows is ``bench/results/digits.json``, made by ``--save digits``.
"""

from collections import defaultdict
from dataclasses import asdict

from relentropy.testing.report import markdown as table

TITLES = {
    "logits": "KL divergence of logits",
    "probs": "KL divergence of probabilities",
    "log_probs": "k3 of sampled tokens",
}


def measured():
    """All curves, all rows of real logits, and two trainings."""
    from . import errors

    return errors.curves(), errors.real(), errors.training()


def report(curves, real, training):
    """Tables of all in Markdown."""
    parts = ["## Digits", _NOTE]
    groups = defaultdict(list)
    for one in curves:
        groups[one.inputs, one.quantity, one.dtype].append(one)
    for (inputs, quantity, dtype), own in groups.items():
        gaps = list(own[0].errors)[::2]
        rows = [[one.formula, *(f"{one.errors[gap]:.0e}" for gap in gaps)] for one in own]
        heads = ["", *(f"{float(gap):.0e}" for gap in gaps)]
        parts += [f"### {TITLES[inputs]}, {quantity}, {dtype}", table(heads, rows)]
    parts += ["### Real logits", real_rows([asdict(one) for one in real])]
    runs = zip(*([f"{one:.1e}" for one in run.divergences] for run in training), strict=True)
    rows = [[str(step), *run] for step, run in zip(training[0].steps, runs, strict=True)]
    parts += ["### Distilling", table(["step", *(run.loss for run in training)], rows)]
    return "\n\n".join(parts)


_NOTE = """\
The largest relative error of four rows of 64 entries whose operands differ by the relative gap
in the head; of derivatives, relative to a row's largest. From 1 on no digit is right, and 1 is
also the error of a zero."""


def real_rows(real, names=None):
    """A line for each student: how far it is, and each formula's worst error.

    Takes what ``digits.json`` holds, which a page shows a part of.
    """
    names = names or list(real[0]["errors"])
    rows = []
    for one in sorted(real, key=lambda one: -min(one["divergences"])):
        cells = (_cell(one["errors"][name]) for name in names)
        rows.append([one["student"], f"{min(one['divergences']):.1e}", *cells])
    return table(["student", "smallest KL", *names], rows, left=1)


def _cell(errors):
    """The worst of the rows, and how many are negative."""
    negative = sum(error < -1 for error in errors)
    return f"{max(map(abs, errors)):.1e}" + f" ({negative} negative)" * bool(negative)
