"""The divergences as a picture: how they are distributed, and how they run along positions."""

import math
import warnings
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from relentropy.cli.measures import Numbers
from relentropy.cli.report import OfStudent, Report, positions
from relentropy.cli.summaries import quantile


class Theme(NamedTuple):
    """Colours."""

    ground: str
    ink: str
    faint: str
    students: tuple[str, ...]


# Okabe and Ito's, which the colour-blind can tell apart; on black, lighter ones of their hues.
THEMES = {
    "light": Theme(
        "#ffffff", "#24292f", "#e4e7eb",
        ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    ),
    "dark": Theme(
        "#12161c", "#d5dbe3", "#2b323c",
        ("#58b0ee", "#ff8f4a", "#35cfa4", "#e79cc8", "#f6c344", "#9ddcff"),
    ),
}  # fmt: skip

_STYLES = ("-", "--", ":")
_BINS = 60
_STRETCHES = 64
_MARKED = ("median", "p90", "p99")
# A decade and a half are drawn at least: a narrower axis would have no label.
_LEAST_DECADES = 1.5
# Of fewer, 2 and 5 between powers of ten have labels too; those of 3 and 4 would overlap.
_FEW_DECADES = 2.0
_PER_BAND = 8
# So many letters of a name, and of all labels in a row of the legend.
_LONGEST_LABEL = 40
_LEGEND_ROW = 104


def draw(report: Report, path: Path, theme: Literal["light", "dark"] = "light") -> None:
    """Draw a report into a file, in the format of its suffix."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    colours = THEMES[theme]
    style = {
        "text.color": colours.ink,
        "axes.labelcolor": colours.ink,
        "axes.edgecolor": colours.ink,
        "axes.facecolor": colours.ground,
        "figure.facecolor": colours.ground,
        "savefig.facecolor": colours.ground,
        "xtick.color": colours.ink,
        "ytick.color": colours.ink,
        "grid.color": colours.faint,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "legend.frameon": False,
        "legend.fontsize": 9,
        "font.size": 9.5,
        "svg.hashsalt": "relentropy",
        "text.usetex": False,
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        # Of names in scripts that the font does not have; their letters become boxes.
        warnings.filterwarnings("ignore", "Glyph")
        figure = Figure(figsize=(10.5, 4.4), dpi=150, layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 1))
        _distribution(left, report, colours)
        _along(right, report, colours)
        if len(report.students) > 1:
            _legend(figure, left, report)
        # Without a date the same numbers give the same file.
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, format=path.suffix[1:], metadata=metadata)


def _legend(figure: Any, panel: Any, report: Report) -> None:
    handles, places = panel.get_legend_handles_labels()
    if not handles:
        return
    labels = []
    for place in map(int, places):
        student = report.students[place]
        median = student.divergences["kl"].quantiles["median"]
        labels.append(f"{_plain(student.label)}: median {_short(median)}")
    columns = max(1, min(3, _LEGEND_ROW // (6 + max(map(len, labels)))))
    legend = figure.legend(handles, places, loc="outside lower center", ncols=columns)
    # A legend leaves out labels that begin with an underscore, so that they come later.
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(label)


def _kl(report: Report, place: int) -> Numbers:
    return report.numbers[f"{place}.kl"]


def _distribution(panel: Any, report: Report, colours: Theme) -> None:
    from matplotlib.ticker import LogFormatterSciNotation, LogLocator

    drawn = [np.sort(_kl(report, i)) for i in range(len(report.students))]
    drawn = [one[np.isfinite(one) & (one > 0)] for one in drawn]
    panel.set(xlabel=f"KL(teacher ‖ student), {report.unit}", ylabel="share of rows, %")
    panel.set_title("Distribution over the rows")
    some = [one for one in drawn if len(one)]
    if not some:
        _nothing(panel, report)
        return
    low = math.log10(min(one[0] for one in some))
    high = math.log10(max(one[-1] for one in some))
    missing = max(0.0, _LEAST_DECADES - (high - low)) / 2
    edges = np.logspace(low - missing, high + missing, _BINS + 1)
    edges[0], edges[-1] = min(edges[0], 10**low), max(edges[-1], 10**high)
    bins = max(8, min(_BINS, int(4 * math.sqrt(max(map(len, some))))))
    edges = np.geomspace(edges[0] * (1 - 1e-12), edges[-1] * (1 + 1e-12), bins + 1)
    tallest = 0.0
    for i, values in enumerate(drawn):
        colour, style = _look(i, colours)
        known = np.sum(~np.isnan(_kl(report, i)))
        shares = 100 * np.histogram(values, edges)[0] / max(1, known)
        tallest = max(tallest, float(np.max(shares)))
        panel.stairs(shares, edges, fill=True, color=colour, alpha=0.22)
        panel.stairs(shares, edges, color=colour, linestyle=style, linewidth=1.6, label=str(i))
    panel.set(xscale="log", ylim=(0, 1.3 * tallest))
    if len(report.students) == 1:
        _mark(panel, report.students[0], colours)
    else:
        for i, student in enumerate(report.students):
            at = student.divergences["kl"].quantiles["median"]
            if at > 0:
                colour, _ = _look(i, colours)
                panel.axvline(at, color=colour, linewidth=1, linestyle="--", ymax=0.8)
    if high - low < _FEW_DECADES:
        panel.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        panel.xaxis.set_minor_formatter(LogFormatterSciNotation(labelOnlyBase=False))
    _admit(panel, report)


def _mark(panel: Any, student: OfStudent, colours: Theme) -> None:
    """Percentiles as lines, each lower than the one before, so that none crosses a label."""
    quantiles = student.divergences["kl"].quantiles
    low, high = panel.get_xlim()
    room = (high / low) ** 0.25  # for the last label
    panel.set_xlim(low, max(high, quantiles[_MARKED[-1]] * room))
    for step, name in enumerate(_MARKED):
        x, top = quantiles[name], 0.98 - 0.075 * step
        if x > 0:
            panel.axvline(x, ymax=top - 0.01, color=colours.ink, linewidth=0.9, linestyle="--")
            panel.annotate(
                f" {name}  {_short(x)}", (x, top), xycoords=("data", "axes fraction"),
                va="top", fontsize=9,
            )  # fmt: skip


def _admit(panel: Any, report: Report) -> None:
    """Say how many rows are on no log axis."""
    for i, student in enumerate(report.students):
        of = f" of {_plain(student.label)}" if len(report.students) > 1 else ""
        if there := _left_out(_kl(report, i)):
            panel.set_xlabel(f"{panel.get_xlabel()}\nnot shown{of}: {there}")


def _left_out(kl: Numbers) -> str:
    counts = {
        "exactly 0": int(np.sum(kl == 0)),
        "infinite": int(np.sum(np.isinf(kl))),
        "nan": int(np.sum(np.isnan(kl))),
    }
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _look(place: int, colours: Theme) -> tuple[str, str]:
    """A student's colour and line."""
    style, colour = divmod(place, len(colours.students))
    return colours.students[colour], _STYLES[style % len(_STYLES)]


def _along(panel: Any, report: Report, colours: Theme) -> None:
    from matplotlib.ticker import MaxNLocator

    length = positions(report.job)
    edges = np.unique(np.linspace(0, length, min(_STRETCHES, length) + 1).astype(int))
    where = np.searchsorted(edges, report.positions, side="right") - 1
    middles = (edges[:-1] + edges[1:] - 1) / 2
    panel.set(xlabel="position", ylabel=f"KL(teacher ‖ student), {report.unit}")
    band = False
    positive = False
    for i in range(len(report.students)):
        colour, style = _look(i, colours)
        low, middle, high, fewest = _percentiles(_kl(report, i), where, len(middles))
        if not np.any(middle > 0):
            continue
        positive = True
        marker = {"marker": "o", "markersize": 3} if len(middles) <= 16 else {}
        panel.plot(middles, middle, color=colour, linestyle=style, linewidth=1.6, **marker)
        if fewest >= _PER_BAND and len(report.students) <= 2:
            panel.fill_between(middles, low, high, color=colour, alpha=0.18, linewidth=0)
            band = True
    what = "median" if len(report.rows) > len(middles) else "each row"
    panel.set_title(f"Along the positions: {what}" + (", 10 % to 90 %" if band else ""))
    if positive:
        panel.set_yscale("log")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        if length == 1:
            panel.set(xlim=(-0.5, 0.5), xticks=[0])
    else:
        _nothing(panel, report)


def _percentiles(
    kl: Numbers, where: np.ndarray[Any, Any], count: int
) -> tuple[Numbers, Numbers, Numbers, int]:
    """The 10th, 50th and 90th of every stretch, and how few rows one of them has."""
    found = np.full((3, count), np.nan)
    fewest = len(kl)
    order = np.argsort(where, kind="stable")
    starts = np.searchsorted(where[order], np.arange(count + 1))
    for i in range(count):
        ordered = np.sort(kl[order[starts[i] : starts[i + 1]]])
        ordered = ordered[np.isfinite(ordered)]
        fewest = min(fewest, len(ordered))
        values = [quantile(ordered, at) for at in (0.1, 0.5, 0.9)]
        found[:, i] = [one if one > 0 else math.nan for one in values]
    return found[0], found[1], found[2], fewest


def _nothing(panel: Any, report: Report) -> None:
    """Say why there is nothing to draw."""
    words = "no row has a divergence that is\npositive and finite\n"
    for i, student in enumerate(report.students):
        name = f"{_plain(student.label)}: " if len(report.students) > 1 else ""
        words += f"\n{name}{_left_out(_kl(report, i))}"
    panel.set(xticks=[], yticks=[])
    panel.text(0.5, 0.5, words, transform=panel.transAxes, ha="center", va="center")


def _plain(label: str) -> str:
    """The label with both of its ends, if not all of it, and without formulas.

    An even number of dollar signs would make one.
    """
    if len(label) > _LONGEST_LABEL:
        label = f"{label[: _LONGEST_LABEL // 2 - 1]}…{label[-_LONGEST_LABEL // 2 :]}"
    return label.replace("$", r"\$")


def _short(value: float) -> str:
    return f"{value:.3g}"
