"""Time against size, for every rival, with the floor that memory sets."""

from collections.abc import Sequence
from pathlib import Path

from .timing import Result

# Colour-blind-safe, after Okabe and Ito (2008); ours are black.
LOOKS = {
    "scipy": ("#e69f00", "-", "SciPy"),
    "numpy": ("#56b4e9", "-", "numpy, as written down"),
    "jax.jit": ("#009e73", "-", "jax.jit"),
    "torch": ("#d55e00", "-", "torch, eager"),
    "torch.compile": ("#cc79a7", "-", "torch.compile"),
    "relentropy, torch": ("#000000", "--", "relentropy, torch"),
    "relentropy, numpy": ("#000000", "-", "relentropy, numpy"),
    "floor": ("#999999", ":", "reading both once"),
}


def draw(results: Sequence[Result], path: Path) -> None:
    """Nanoseconds for one element against the number of elements."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    axes = figure.subplots()
    sizes = [one.count for one in results]
    for name, (colour, line, label) in LOOKS.items():
        times = [one.times[name] / one.count * 1e9 for one in results]
        ours = name.startswith("relentropy")
        axes.loglog(
            sizes, times, line, color=colour, label=label, linewidth=2.2 if ours else 1.5
        )
    axes.set_xlabel("elements of each row")
    axes.set_ylabel("ns for one element")
    axes.set_title("KL divergence of float64 weights, one thread", loc="left")
    axes.grid(alpha=0.25, which="major")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, ncols=2)
    figure.savefig(path, dpi=150)
