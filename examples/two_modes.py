"""One Gaussian fitted to two modes: what the direction of relative entropy decides.

Forward, D(p‖q) charges q for every place where p has mass and q has none: the fit is as wide
as both modes together. Reverse, D(q‖p) charges q for mass where p has none: the fit takes one
mode, and where it began decides which. Maximum likelihood and distillation minimise the first,
reinforcement learning with a KL penalty and variational inference the second.

Run it with ``python examples/two_modes.py DIRECTORY``; it writes ``two_modes.png`` there, needs
matplotlib and takes seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from figures import GaussianFit, fit_gaussian, plot_fits


def fits(points: int = 2001) -> list[GaussianFit]:
    """One fit forward, and two in reverse from different sides."""
    return [
        fit_gaussian("forward", points=points),
        fit_gaussian("reverse", start=(-1.0, 1.0), points=points),
        fit_gaussian("reverse", start=(3.0, 1.0), points=points),
    ]


def draw(directory: Path, points: int = 2001) -> Path:
    """Write the figure, and say where."""
    path = directory / "two_modes.png"
    plot_fits(fits(points)).savefig(path)
    return path


def main() -> None:
    """Draw into the directory that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/two_modes.py DIRECTORY")
    sys.stdout.write(f"{draw(Path(sys.argv[1]))}\n")


if __name__ == "__main__":
    main()
