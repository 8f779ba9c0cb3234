"""Which engine serves, on how many threads, and what says so."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, overload

ENGINE, THREADS = "RELENTROPY_ENGINE", "RELENTROPY_NUM_THREADS"
_LIBRARIES = ("numpy", "torch", "jax", "dask", "cupy", "array_api_strict", "ml_dtypes")


class _Choice(NamedTuple):
    """The engine in use."""

    module: Any | None
    """The extension module; None: the formulas serve."""
    reason: str
    """Why it is not there."""
    devices: bool = True
    """Whether engines of devices may serve."""
    interpreted: bool = False
    """Whether a test has Triton's interpreter compute on the host."""


class _Threads(NamedTuple):
    """How many, and who says so."""

    number: int
    source: str
    explicit: bool
    """Whether it was meant for this library, or for all."""


class _Settled:
    """What is found out, or set, once for the process."""

    choice: _Choice | None = None
    set_threads: _Threads | None = None
    default_threads: _Threads | None = None


def engine() -> Any | None:
    """Return the extension module `_cpu` if it is to be used, else None.

    Raises
    ------
    ValueError
        ``RELENTROPY_ENGINE`` is none of its values, or asks for what is not there.
    """
    return (_Settled.choice or _chosen()).module


def devices_served() -> bool:
    """Return whether engines of devices may serve: all but ``generic`` let them."""
    return (_Settled.choice or _chosen()).devices


def interpreted() -> bool:
    """Return whether a test has Triton's interpreter compute on the host."""
    return (_Settled.choice or _chosen()).interpreted


def _chosen() -> _Choice:
    """Settle, once, what `RELENTROPY_ENGINE` and this installation say."""
    wanted = os.environ.get(ENGINE, "").strip().lower() or "auto"
    if wanted == "generic":
        _Settled.choice = _Choice(None, f"{ENGINE}=generic", devices=False)
        return _Settled.choice
    module, why_not = _loaded()
    sets = module.instruction_sets() if module else ()
    if wanted not in {"auto", "compiled", *sets}:
        known = ", ".join(("auto", "compiled", "generic", *sets))
        raise ValueError(f"{ENGINE} must be one of {known}, not {os.environ[ENGINE]!r}")
    if module is None and wanted == "compiled":
        raise ValueError(f"{ENGINE}=compiled, but the engine is {why_not}")
    if module and wanted in sets:
        module.use(wanted)
    _Settled.choice = _Choice(module, why_not)
    return _Settled.choice


def _loaded() -> tuple[Any | None, str]:
    try:
        import relentropy._engines._cpu as module
    except ModuleNotFoundError:
        return None, (
            "not built (no working C++ compiler was found at installation); with one, "
            "pip install --force-reinstall --no-deps --no-cache-dir builds it"
        )
    except ImportError as error:
        return None, f"built, but cannot be loaded here: {error}"
    return module, ""


@contextlib.contextmanager
def using(name: str) -> Iterator[None]:
    """Let one engine serve in the whole process, of those that are there.

    The formulas (``"generic"``), an instruction set, or Triton's interpreter (``"triton"``).
    """
    before = _Settled.choice or _chosen()
    if name == "triton":
        _Settled.choice = _Choice(None, "switched off by a test", interpreted=True)
        try:
            yield
        finally:
            _Settled.choice = before
        return
    module = None if name == "generic" else (before.module or _loaded()[0])
    if name != "generic" and module is None:
        raise ValueError(f"{name}: the engine is {_loaded()[1]}")
    set_before = module.current() if module else ""
    if module:
        module.use(name)
    reason = "" if module else "switched off by a test"
    _Settled.choice = _Choice(module, reason, devices=name != "generic")
    try:
        yield
    finally:
        _Settled.choice = before
        if module:
            module.use(set_before)


def set_num_threads(n: int | None) -> None:
    """Set the maximum number of threads of the compiled engine.

    It starts them only for work of a millisecond and more, and ends them with the call, so that
    nothing competes with another library's threads, or breaks in a forked process. Results do
    not depend on the number.

    Parameters
    ----------
    n : int or None
        At least 1; None returns to the default, which `get_num_threads` describes.

    Raises
    ------
    TypeError
        ``n`` is not an integer.
    ValueError
        ``n`` is less than 1.

    See Also
    --------
    get_num_threads, show_config

    Examples
    --------
    >>> import relentropy
    >>> relentropy.set_num_threads(1)
    >>> relentropy.get_num_threads()
    1
    >>> relentropy.set_num_threads(None)
    """
    if n is None:
        _Settled.set_threads = None
        return
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"n must be an integer or None, not {n!r}")
    count = n.__index__()
    if count < 1:
        raise ValueError(f"n must be at least 1, not {count}; None is the default")
    _Settled.set_threads = _Threads(count, "set_num_threads", explicit=True)


def get_num_threads() -> int:
    """Return the maximum number of threads of the compiled engine.

    What `set_num_threads` was given, else the environment variable ``RELENTROPY_NUM_THREADS``,
    else ``OMP_NUM_THREADS``, else the number of processors that this process may use. For torch
    tensors ``torch.get_num_threads()`` takes the place of the last two.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        ``RELENTROPY_NUM_THREADS`` is not a positive whole number.

    See Also
    --------
    set_num_threads, show_config

    Examples
    --------
    >>> import relentropy
    >>> relentropy.get_num_threads() >= 1
    True
    """
    return _threads().number


def threads_for(library: str) -> int:
    """Return on how many threads arrays of ``library`` may be computed."""
    found = _threads()
    if library == "torch" and not found.explicit:
        return int(sys.modules["torch"].get_num_threads())
    return found.number


def _threads() -> _Threads:
    return _Settled.set_threads or _Settled.default_threads or _of_the_environment()


def _of_the_environment() -> _Threads:
    """Settle, once, what the environment and the machine say."""
    ours = os.environ.get(THREADS, "").strip()
    # OpenMP's own variable may hold a list, for nested regions; what it cannot read it ignores.
    shared = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if ours:
        if not _is_a_count(ours):
            raise ValueError(f"{THREADS} must be a positive whole number, not {ours!r}")
        found = _Threads(int(ours), THREADS, explicit=True)
    elif _is_a_count(shared):
        found = _Threads(int(shared), "OMP_NUM_THREADS", explicit=False)
    else:
        found = _Threads(_processors(), "the processors this process may use", explicit=False)
    _Settled.default_threads = found
    return found


def _is_a_count(word: str) -> bool:
    return word.isascii() and word.isdecimal() and int(word) >= 1


def _processors() -> int:
    if hasattr(os, "process_cpu_count"):  # from Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...
def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Show which engine serves, on how many threads, and which array libraries are in use.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default "stdout"
        Print it, or return it, as numpy's function of this name does.

    Returns
    -------
    dict or None
        For ``mode="dicts"``: ``"relentropy"`` and ``"python"`` (versions), ``"engine"``
        (``"compiled/avx2"``, or ``"generic"`` and why), ``"instruction sets"`` (those compiled
        in that this processor has, best first), ``"threads"`` (their number and where it comes
        from) and ``"array libraries"`` (those imported so far, with their versions).

    Raises
    ------
    ValueError
        ``mode`` is neither.

    See Also
    --------
    set_num_threads

    Examples
    --------
    >>> import relentropy
    >>> found = relentropy.show_config(mode="dicts")
    >>> found["engine"].partition("/")[0].partition(":")[0] in {"compiled", "generic"}
    True
    >>> relentropy.show_config()
    relentropy        ...
    python            ...
    engine            ...
    """
    if mode not in {"stdout", "dicts"}:
        raise ValueError(f"mode must be 'stdout' or 'dicts', not {mode!r}")
    found: dict[str, Any] = {
        "relentropy": str(sys.modules["relentropy"].__version__),  # the roof is out of reach
        "python": platform.python_version(),
        "engine": in_words(),
        "instruction sets": list(module.instruction_sets() if (module := _loaded()[0]) else ()),
        "threads": _threads_in_words(),
        "array libraries": {
            name: str(getattr(sys.modules[name], "__version__", "?"))
            for name in _LIBRARIES
            if name in sys.modules
        },
    }
    if mode == "dicts":
        return found
    for name, what in found.items():
        sys.stdout.write(f"{name:<17} {_in_a_line(what)}\n")
    return None


def in_words() -> str:
    """Say which engine serves, and if none, why."""
    try:
        choice = _Settled.choice or _chosen()
    except ValueError as error:
        return str(error)
    if choice.module is None:
        return f"generic: {choice.reason}"
    return f"compiled/{choice.module.current()}"


def _threads_in_words() -> str:
    try:
        found = _threads()
    except ValueError as error:
        return str(error)
    return f"{found.number} (from {found.source})"


def _in_a_line(what: str | list[str] | dict[str, str]) -> str:
    if isinstance(what, dict):
        what = [" ".join(item) for item in what.items()]
    return what if isinstance(what, str) else ", ".join(what) or "none"
