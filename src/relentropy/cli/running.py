"""All blocks, in this process or in several, with the same numbers."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from relentropy.cli.checkpoint import Checkpoint
from relentropy.cli.errors import FailedError, UnusableFileError
from relentropy.cli.measures import Job, Numbers

Advance = Callable[[int], None]


def run(
    job: Job, *, workers: int = 1, checkpoint: Checkpoint | None = None, advance: Advance
) -> Numbers:
    """Measure all rows.

    Parameters
    ----------
    job : Job
        What to measure.
    workers : int, default 1
        Number of processes. Blocks are the same for any number, and a block's numbers stand
        where its rows are, so that no bit depends on it.
    checkpoint : Checkpoint, optional
        Where finished blocks are kept.
    advance : callable
        Is told the numbers of rows that are done.

    Returns
    -------
    array
        A row for each row, a column for each of ``job.columns``.

    Raises
    ------
    UnusableFileError
        If a file turns out to be damaged, or changes meanwhile.
    FailedError
        If the checkpoint cannot be used, or a process dies.
    """
    found = np.empty((job.teacher.count, len(job.columns)))

    def put(block: int, numbers: Numbers) -> None:
        rows = job.rows_of(block)
        found[rows] = numbers
        advance(rows.stop - rows.start)

    done = checkpoint.resume() if checkpoint else {}
    for block, numbers in done.items():
        put(block, numbers)
    left = [block for block in range(job.blocks) if block not in done]
    workers = min(workers, len(left))
    if workers > 1:
        measured = _by_many(job, left, workers)
    else:
        measured = ((block, job.measure(block)) for block in left)
    for block, numbers in measured:
        put(block, numbers)
        if checkpoint:
            checkpoint.add(block, numbers)
    for source in job.sources:
        source.must_be_unchanged()
    for name, source in job.check_sums.items():
        source.must_be_sound(found[:, job.columns.index(name)])
    return found


def _by_many(job: Job, blocks: list[int], workers: int) -> Iterator[tuple[int, Numbers]]:
    # Spawned, not forked, so that no process inherits another's pipe: where this one is killed,
    # all others see the end of theirs. (A pool of the standard library would wait for ever.)
    context = multiprocessing.get_context("spawn")
    waiting = chain(blocks, repeat(None))
    pipes: list[Connection] = []
    processes = []
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, job), daemon=True)
            with _no_interrupts():
                process.start()
            theirs.close()
            processes.append(process)
            pipes.append(ours)
            ours.send(next(waiting))
        busy = list(pipes)
        while busy:
            pipe = _first(busy)
            block, result = _received(pipe)
            if isinstance(result, Exception):
                raise result
            following = next(waiting)
            if following is None:
                busy.remove(pipe)
            else:
                pipe.send(following)
            yield block, result
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.terminate()
            process.join()


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Start processes that no Ctrl-C reaches; one that comes meanwhile waits until this ends.

    A terminal interrupts all processes, and those that still import would die of it aloud.
    """
    if not hasattr(signal, "pthread_sigmask"):  # nor have processes masks to inherit there
        yield
        return
    from multiprocessing import resource_tracker

    # The first process of all starts this one too, and that lets interrupts in again.
    resource_tracker.ensure_running()
    came = []
    # The mask is what the new process inherits. It is this thread's alone: the system may
    # interrupt another one, of a library's, and Python would still stop here.
    handler = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt


def _first(pipes: list[Connection]) -> Connection:
    ready = wait(pipes)
    return next(pipe for pipe in pipes if pipe in ready)


def _received(pipe: Connection) -> tuple[int, Any]:
    try:
        found: tuple[int, Any] = pipe.recv()
    except (EOFError, OSError):
        raise FailedError(
            "a process died, perhaps for want of memory; fewer --workers or --block-rows may do"
        ) from None
    return found


def _serve(pipe: Connection, job: Job) -> None:
    """Measure blocks until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides what it means
    with suppress(EOFError, OSError):
        while True:
            block = pipe.recv()
            try:
                result: Any = job.measure(block)
            except UnusableFileError as bad:
                result = bad
            except MemoryError:
                result = FailedError(OUT_OF_MEMORY)
            pipe.send((block, result))


OUT_OF_MEMORY = "there is not enough memory; fewer --workers or --block-rows may do"
