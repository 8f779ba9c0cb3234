"""Bias and spread of k1, k2 and k3 as the divergence grows: Schulman's experiment.

While the models nearly agree, k2 and k3 scatter far less than k1 (at 0.005 a fourteenth as
much), and the bias of k2 is nothing beside it. Later k2 overstates the divergence, and k3,
which has no bias, is ruled by single samples that the reference likes far better than the
model: its spread grows with exp(KL).

Run it with ``python examples/estimator_spread.py DIRECTORY``; it writes
``estimator_spread.png`` there, prints Schulman's table, needs matplotlib and takes seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from figures import estimator_spread, plot_spread

SCHULMANS = (0.005, 0.5)


def draw(directory: Path, count: int = 200) -> Path:
    """Write the figure, and say where."""
    path = directory / "estimator_spread.png"
    plot_spread(estimator_spread(np.geomspace(1e-3, 10, count)), marked=SCHULMANS).savefig(path)
    return path


def table() -> str:
    """Bias and standard deviation of Schulman's two experiments, relative to the truth."""
    spread = estimator_spread(SCHULMANS)
    lines = ["estimator   true KL    bias/true   stdev/true"]
    lines += [
        f"{name:>9}  {kl:8g}  {spread.bias[i, j]:z11.4f}  {spread.deviation[i, j]:11.4f}"
        for j, kl in enumerate(SCHULMANS)
        for i, name in enumerate(spread.estimators)
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Draw into the directory that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/estimator_spread.py DIRECTORY")
    sys.stdout.write(table())
    sys.stdout.write(f"{draw(Path(sys.argv[1]))}\n")


if __name__ == "__main__":
    main()
