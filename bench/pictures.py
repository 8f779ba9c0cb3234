"""Time against size, for every rival, with the floor that memory sets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rcParams
from matplotlib.figure import Figure

from .timing import Result

# Colour-blind-safe, after Okabe and Ito (2008); ours have the colour of text.
LOOKS = {
    "scipy": ("#e69f00", "-", "SciPy"),
    "numpy": ("#56b4e9", "-", "numpy, as written down"),
    "jax.jit": ("#009e73", "-", "jax.jit"),
    "torch": ("#d55e00", "-", "torch, eager"),
    "torch.compile": ("#cc79a7", "-", "torch.compile"),
    "relentropy, torch": ("", "--", "relentropy, torch"),
    "relentropy, numpy": ("", "-", "relentropy, numpy"),
    "floor": ("#999999", ":", "reading both once"),
}


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the picture of what was measured."""
    speed([(one.count, one.times) for one in results]).savefig(path, dpi=150)


def speed(times: Sequence[tuple[int, dict[str, float]]]) -> Any:
    """Nanoseconds for one element against the number of elements, of everybody's seconds."""
    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    axes = figure.subplots()
    sizes = [count for count, _ in times]
    for name, (colour, line, label) in LOOKS.items():
        each = [found[name] / count * 1e9 for count, found in times]
        axes.loglog(
            sizes, each, line, color=colour or rcParams["text.color"], label=label,
            linewidth=1.5 if colour else 2.2,
        )  # fmt: skip
    axes.set_xlabel("elements of each row")
    axes.set_ylabel("ns for one element")
    axes.set_title("KL divergence of float64 weights, one thread", loc="left")
    axes.grid(alpha=0.25, which="major")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, ncols=2)
    return figure
