"""Pictures of `bench/results/digits.json`; nothing is measured here."""

import json
import math
from pathlib import Path

from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

RESULTS = Path(__file__).parent.parent / "results" / "digits.json"
DTYPES = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}

# Okabe and Ito's, which the colour-blind can tell apart, each with a mark; ours is the text's.
_LOOKS = (
    ("#d55e00", "o"),
    ("#e69f00", "s"),
    ("#cc79a7", "D"),
    ("#009e73", "v"),
    ("#56b4e9", "^"),
    ("#0072b2", "<"),
    ("#e69f00", ">"),
)
REAL = {
    "torch log_softmax ×2, kl_div, float32": ("#d55e00", "^"),
    "torch log_softmax ×2, kl_div, float64": ("#0072b2", "v"),
    "relentropy, torch, float32": ("", "^"),
    "relentropy, torch, float64": ("", "v"),
}
"""What is shown of real rows; ours in the colour of text."""
_LEAST, _MOST = 1e-17, 1e4
OURS = "relentropy, the worst of numpy, torch and jax"


def read(path=RESULTS):
    """What was measured, and on what."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def curves(found, inputs):
    """Relative error against the gap between the operands: values above, derivatives below."""
    own = [one for one in found["curves"] if one["inputs"] == inputs]
    looks = dict(zip(_rivals(own), _LOOKS, strict=False))
    figure = Figure(figsize=(9.6, 6.2), layout="constrained")
    panels = figure.subplots(2, len(DTYPES), sharey=True, sharex="col")
    for row, quantity in zip(panels, ("value", "gradient"), strict=True):
        for panel, (dtype, digits) in zip(row, DTYPES.items(), strict=True):
            here = [one for one in own if (one["quantity"], one["dtype"]) == (quantity, dtype)]
            for name, (colour, mark) in looks.items():
                for one in here:
                    if one["formula"] == name:
                        _line(panel, one["errors"], colour, mark, name)
            _line(panel, _ours(here), rcParams["text.color"], "", OURS)
            _floor(panel, 2.0**-digits)
            _axes(panel)
            if quantity == "value":
                panel.set_title(dtype, fontsize=11)
            else:
                panel.set_xlabel("relative gap")
        row[0].set_ylabel(f"relative error of the {quantity}")
    panels[1][1].text(
        0.5, 0.98, "no digit is right", transform=panels[1][1].transAxes, fontsize=8,
        alpha=0.75, ha="center", va="top",
    )  # fmt: skip
    # Not every library has every dtype: the names are those of all panels together.
    lines = {line.get_label(): line for panel in panels[0] for line in panel.get_lines()}
    names = [*looks, OURS]
    figure.legend(
        [lines[name] for name in names], names, loc="outside lower center", ncols=3,
        frameon=False, fontsize=9,
    )  # fmt: skip
    return figure


def real(found):
    """Relative error against the divergence, a mark for each row of real logits."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    panel = figure.subplots()
    for name, (colour, mark) in REAL.items():
        far = [one for each in found["real"] for one in each["divergences"]]
        errors = [one for each in found["real"] for one in each["errors"][name]]
        off = [max(abs(one), _LEAST) for one in errors]
        panel.scatter(
            far, off, s=22, marker=mark, color=colour or rcParams["text.color"], linewidths=0,
            alpha=0.8, label=name,
        )  # fmt: skip
    _axes(panel)
    panel.text(
        0.99, 0.98, "no digit is right", transform=panel.transAxes, fontsize=9, alpha=0.75,
        ha="right", va="top",
    )  # fmt: skip
    panel.set_xlabel("true divergence of the row, nats")
    panel.set_ylabel("relative error")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def training(found):
    """The true divergence along two trainings that differ in their loss alone."""
    figure = Figure(figsize=(6.8, 3.2), layout="constrained")
    panel = figure.subplots()
    colours = ("#d55e00", rcParams["text.color"])
    for run, colour, style in zip(found["training"], colours, ("--", "-"), strict=True):
        line = {"color": colour, "linewidth": 2, "label": run["loss"]}
        panel.plot(run["steps"], run["divergences"], style, **line)
        said = [value if value > 0 else math.nan for value in run["losses"]]
        panel.plot(run["steps"], said, "x", color=colour, alpha=0.6, label="what it says")
    panel.set(yscale="log", xlabel="step", ylabel="divergence, nats")
    panel.grid(color=rcParams["text.color"], alpha=0.12, linewidth=0.7)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, ncols=2, fontsize=9)
    return figure


def _rivals(own):
    return dict.fromkeys(
        one["formula"] for one in own if not one["formula"].startswith("relentropy")
    )


def _ours(here):
    worst = {}
    for one in here:
        if one["formula"].startswith("relentropy"):
            for gap, error in one["errors"].items():
                worst[gap] = max(worst.get(gap, 0.0), error)
    return worst


def _line(panel, errors, colour, mark, name):
    shown = [max(one, _LEAST) for one in errors.values()]
    ours = not mark
    panel.plot(
        [float(gap) for gap in errors], shown, color=colour, marker=mark, markersize=4,
        linewidth=2.4 if ours else 1.1, label=name, zorder=4 if ours else 3,
    )  # fmt: skip


def _floor(panel, roundoff):
    """What rounding the result alone may cost."""
    ink = rcParams["text.color"]
    panel.axhline(roundoff, color=ink, alpha=0.5, linewidth=0.9, linestyle=":")


def _axes(panel):
    panel.set(xscale="log", yscale="log", ylim=(_LEAST, _MOST))
    panel.axhspan(1, _MOST, color=rcParams["text.color"], alpha=0.08, linewidth=0)
    panel.yaxis.set_major_locator(LogLocator(numticks=8))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_locator(NullLocator())
    panel.grid(color=rcParams["text.color"], alpha=0.12, linewidth=0.7)
    panel.spines[["top", "right"]].set_visible(False)
