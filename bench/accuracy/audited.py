"""The page of rivals: everybody's functions, and ours, through the same audit."""

import textwrap
from collections import defaultdict
from functools import partial
from importlib.metadata import version

from tests.testing.own import grpo, own

from relentropy import estimators
from relentropy.testing import audit
from relentropy.testing._kinds import KINDS as AUDITED
from relentropy.testing.report import figure
from relentropy.testing.report import markdown as table

from ..rivals import KINDS, installed
from .data import measured_on

DTYPES = ("float16", "bfloat16", "float32", "float64")
COLUMNS = [("value", dtype) for dtype in DTYPES] + [
    ("gradient", dtype) for dtype in ("float32", "float64")
]
PACKAGES = ("numpy", "scipy", "torch", "jax")
# What stands in a cell before any error.
WORDS = ("error", "shape", "nan", "inf", "negative", "hidden", "mask", "split", "dtype")

PREFACE = """\
# Other people's functions

{func}`relentropy.testing.audit` over what one would otherwise call: functions of SciPy, torch
and jax, formulas as everybody writes them, and those that TRL, verl, Liger-Kernel and OpenRLHF
document, written down from their pages (`bench/rivals` says which). Each is audited in the
arrays of its own library, and ours in the same.

A figure is the worst error over all regimes in units in the last place of the dtype; a word
stands for what is worse than an error:

* *nan*, *inf*, *negative*: where a finite number, not negative, is right.
* *hidden*: a number where nan or an infinity is right.
* *mask*: what a mask excludes changes the result. *split*: the mean over micro-batches of
  equal size is not the result of the batch.
* *error*: it raises. A dash is for what a library has not.

The lines below a table say in which regimes, which {doc}`/guides/audit` describes. *bias* is of
an estimator's mean, or of its mean gradient where it is used as a loss, over all outcomes.

![Errors against the closeness of two rows of logits](rivals.png)

What torch's log-softmax, taken twice, and its `kl_div` make of two rows of logits, and what
this library makes of them: the closer they are, the fewer digits are right on the left.
"""


def ours(kind, inputs):
    """Our function of a kind, for operands of one form."""
    if kind == "kl_estimator":
        return partial(estimators.kl_estimate, gradient="straight_through")
    return grpo if kind == "policy_loss" else own(AUDITED[kind], inputs)


def measured():
    """A report for every formula that can run here, and ours: by kind."""
    import jax

    reports = defaultdict(list)
    kept = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        for kind, formulas in KINDS.items():
            if kind not in AUDITED:
                continue
            forms = {}
            for formula in formulas:
                if not installed(formula.library):
                    continue
                place = {"inputs": formula.inputs, "backend": formula.library}
                reports[kind].append(audit(formula.call, kind, name=formula.label, **place))
                forms[formula.inputs] = "torch"
            for inputs, backend in forms.items():
                place = {"inputs": inputs, "backend": backend}
                reports[kind].append(
                    audit(ours(kind, inputs), kind, name="relentropy", **place)
                )
            print(kind, *(repr(report) for report in reports[kind]), sep="\n  ", flush=True)
    finally:
        jax.config.update("jax_enable_x64", kept)
    return reports


SOURCES = {formula.label: formula.source for formulas in KINDS.values() for formula in formulas}


def page(reports):
    """The page in Markdown; the same reports give the same bytes."""
    parts = [PREFACE, _versions()]
    for kind, own_reports in reports.items():
        lines = "\n".join(line for line in map(_line, own_reports) if line)
        parts += [f"## {kind}", _table(own_reports), lines]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def picture(reports, path):
    """Errors against closeness, of one rival and of ours."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    shown = [
        next(report for report in reports[kind] if (report.function, report.inputs) == which)
        for kind, which in PICTURED
    ]
    for ax, report in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
        report.plot(ax=ax)
        last = report is shown[-1]
        if not last:
            ax.get_legend().remove()
        else:
            ax.set_ylabel("")
    figure.savefig(path, dpi=120)


PICTURED = (
    ("kl_divergence", ("torch log_softmax ×2, kl_div", "logits")),
    ("kl_divergence", ("relentropy", "logits")),
)


def _versions():
    named = ", ".join(f"{name} {version(name).partition('+')[0]}" for name in PACKAGES)
    on = measured_on()
    text = f"Measured on {on['date']}: {on['processor']}, engine `{on['engine']}`, {named}."
    return textwrap.fill(text, 95, break_on_hyphens=False)


def _table(reports):
    heads = [dtype if what == "value" else f"∂ {dtype}" for what, dtype in COLUMNS]
    rows = [
        [
            _name(report),
            report.inputs,
            *(_cell(report, *column) for column in COLUMNS),
        ]
        for report in reports
    ]
    return table(["", "of", *heads], rows, left=2)


def _name(report):
    """In bold where nothing was found; with a link to where a project documents it."""
    name = f"**{report.function}**" if not report.findings else report.function
    source = SOURCES.get(report.function)
    return f"[{name}]({source})" if source else name


def _cell(report, quantity, dtype):
    """The worst of a column: a word, or else the largest error."""
    cells = [row[dtype] for row in report.tables.get(quantity, {}).values() if dtype in row]
    words = [word for word in WORDS if word in cells]
    figures = [cell for cell in cells if isinstance(cell, float)]
    if words or not figures:
        return ", ".join(words[:2]) or "–"
    return figure(max(figures))


def _line(report):
    """What was found, in words: by quantity and fault, the regimes."""
    found = defaultdict(list)
    for finding in report.findings:
        quantity, fault, regime, _ = finding.name.split(".")
        if regime not in found[quantity, fault]:
            found[quantity, fault].append(regime)
    if not found:
        return ""
    said = "; ".join(
        f"{quantity} {fault} ({', '.join(regimes)})"
        for (quantity, fault), regimes in found.items()
    )
    line = f"* {report.function}, {report.inputs}: {said}."
    return textwrap.fill(line, 95, subsequent_indent="  ", break_on_hyphens=False)
