"""Time to import the library, over the time to import numpy; limit 150 ms."""

import statistics
import subprocess
import sys

LIMIT_MS = 150

CODE = """
import time, numpy
start = time.perf_counter()
import relentropy
print(time.perf_counter() - start)
"""


def report(runs: int = 15) -> str:
    """One line, in Markdown."""
    print("import", flush=True)
    _once()  # writes the byte code
    low, median, high = statistics.quantiles([_once() for _ in range(runs)], n=4)
    return (
        "## Import\n\n"
        f"`import relentropy` after `import numpy`: {median:.0f} ms, quartiles "
        f"{low:.0f}–{high:.0f}, of {runs} fresh processes. The limit is {LIMIT_MS} ms."
    )


def _once() -> float:
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return 1000 * float(done.stdout)
