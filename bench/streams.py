"""KL of a float32 pair of 20 GB, a chunk at a time: in one process and on dask's workers.

Chunks are made where they are needed, by the same function for all: one table of random logits,
scaled by the chunk's number. Every process computes with one thread.
"""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from relentropy.testing.report import markdown as table

ROWS, COLUMNS = 16, 1 << 20
"""Of a chunk: 64 MB of float32 each of p and q."""
CHUNKS = 150
WAYS = ("blocks", "threads", "1", "2")

NOTE = """\
`kl_divergence` of {rows} rows of {columns:.3g} float32 logits each, {size:.1f} GB in two
arrays, in chunks of {chunk:.0f} MB twice along the rows. *Blocks* is `KLState.update` in a
loop. The others are dask arrays, whose chunks become states that merge in a tree: on the
threaded scheduler with one thread, and on a `LocalCluster` of one and of two processes. Every
process computes on one thread; making the chunks is part of all times. *Processor* is the time
that all processes together have spent on a processor, the scheduler's among them, which other
work on the machine changes less than seconds on the wall. *Resident* is the peak of their sum.
*Between workers* is what workers have sent each other. Largest relative difference of any
result to that of the blocks: {error:.1e}."""
HEAD = ["", "seconds", "over blocks", "processor", "resident, GB", "between workers, kB"]
NAMES = {
    "blocks": "blocks, one process",
    "threads": "dask, one thread",
    "1": "dask, one worker",
    "2": "dask, two workers",
}


def report() -> str:
    """The table, in Markdown."""
    found = {}
    for way in WAYS:
        print(f"streams: {NAMES[way]}", flush=True)
        found[way] = _in_child(way)
    first = found["blocks"]
    error = max(
        abs(x / y - 1)
        for one in found.values()
        for x, y in zip(one["values"], first["values"], strict=True)
    )
    note = NOTE.format(
        rows=ROWS, columns=COLUMNS * CHUNKS, chunk=_bytes() / 1e6, error=error,
        size=2 * _bytes() * CHUNKS / 1e9,
    )  # fmt: skip
    rows = [
        [
            NAMES[way], f"{one['seconds']:.1f}", f"{one['seconds'] / first['seconds']:.2f}",
            f"{one['processor']:.1f}", f"{one['resident'] / 1e9:.2f}",
            "–" if one["sent"] is None else f"{one['sent'] / 1e3:.1f}",
        ]
        for way, one in found.items()
    ]  # fmt: skip
    return f"## Streams and chunks\n\n{note}\n\n{table(HEAD, rows)}\n\n{states()}"


def states() -> str:
    """What a state is in bytes, measured, as a table."""
    import numpy as np

    from relentropy import streaming

    rng = np.random.default_rng(0)
    rows = []
    for name in ("KLState", "CrossEntropyState", "EntropyState", "LogSumExpState"):
        empty = getattr(streaming, name)(**({} if "Sum" in name else {"from_logits": True}))
        sizes = []
        for count in (1, 1001):
            blocks = rng.normal(size=(len(empty._operands), count, 8)).astype("float32")
            sizes.append(len(pickle.dumps(empty.update(*blocks))))
        state = empty.update(*blocks)
        numbers = len(state._found.first.numbers())
        rows.append([f"`{name}`", str(numbers), f"{(sizes[1] - sizes[0]) / 1000:.0f}"])
    note = (
        "What a row's state is: numbers, which ranks gather in float64 (8 bytes each), and\n"
        "bytes of the pickled state, in which flags take one."
    )
    return f"{note}\n\n{table(['', 'numbers a row', 'bytes a row'], rows)}"


def _bytes() -> int:
    return 4 * ROWS * COLUMNS


def _in_child(way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.streams", way, str(CHUNKS)]
    one = dict.fromkeys(("RELENTROPY_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    root = Path(__file__).parents[1]
    done = subprocess.run(
        command, cwd=root, env=os.environ | one, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@cache
def _table() -> Any:
    import numpy as np

    return np.random.default_rng(1).standard_normal((ROWS, COLUMNS), dtype=np.float32)


def chunk(number: int, side: int) -> Any:
    """One chunk of p or q."""
    import numpy as np

    return _table() * np.float32(1 + (number % 7) / 7 + side * 1e-3)


def _lazy(side: int, chunks: int) -> Any:
    import dask.array as da

    def made(block_id: tuple[int, int]) -> Any:
        return chunk(block_id[1], side)

    sizes = ((ROWS,), (COLUMNS,) * chunks)
    return da.map_blocks(made, chunks=sizes, dtype="float32", name=f"side-{side}")


def measure(way: str, chunks: int) -> dict[str, Any]:
    """One way, in this process and its children."""
    import relentropy
    from relentropy.streaming import KLState

    _table()
    sent = None
    with Resident() as resident:
        if way == "blocks":
            start, spent = time.perf_counter(), processor()
            state = KLState(from_logits=True)
            for i in range(chunks):
                state = state.update(chunk(i, 0), chunk(i, 1))
            values = state.finish()
            seconds, spent = time.perf_counter() - start, processor() - spent
        else:
            lazy = relentropy.kl_divergence(
                _lazy(0, chunks), _lazy(1, chunks), from_logits=True
            )
            if way == "threads":
                start, spent = time.perf_counter(), processor()
                values = lazy.compute(scheduler="threads", num_workers=1)
                seconds, spent = time.perf_counter() - start, processor() - spent
            else:
                values, seconds, spent, sent = _on_cluster(lazy, int(way))
    return {
        "values": values.tolist(), "seconds": seconds, "processor": spent,
        "resident": resident.peak, "sent": sent,
    }  # fmt: skip


def _on_cluster(lazy: Any, workers: int) -> Any:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, memory_limit="1.5GB",
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        client.run(_table)  # and the library, imported
        start, spent = time.perf_counter(), processor()
        values = client.compute(lazy, sync=True)
        seconds, spent = time.perf_counter() - start, processor() - spent
        sent = client.run(lambda dask_worker: dask_worker.transfer_outgoing_bytes_total)
    return values, seconds, spent, sum(sent.values())


def processor() -> float:
    """Seconds that this process and its children have spent on a processor."""
    import psutil

    own = psutil.Process()
    times = (one.cpu_times() for one in (own, *own.children(recursive=True)))
    return sum(one.user + one.system for one in times)


class Resident:
    """The peak of what this process and its children hold together."""

    def __enter__(self) -> "Resident":
        self.peak, self.ended = 0, threading.Event()
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.watcher.join()

    def _watch(self) -> None:
        import psutil

        own = psutil.Process()
        while not self.ended.wait(0.05):
            total = 0
            for one in (own, *own.children(recursive=True)):
                try:
                    total += one.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, total)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
