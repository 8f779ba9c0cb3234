"""The extension module built from ``native``."""

_Array = tuple[int, int, tuple[int, ...]]
"""Address, number of the dtype in ``native/call.hpp``, strides in bytes of all axes."""

def run(
    kernel: int,
    reduced: tuple[int, ...],
    batch: tuple[int, ...],
    inputs: tuple[_Array, ...],
    outputs: tuple[_Array, ...],
    options: tuple[float, ...],
    threads: int,
    /,
) -> None:
    """Run one kernel without the interpreter's lock; nothing is checked but the form.

    ``reduced`` and ``batch`` are sizes of axes; strides follow their order, the reduced ones
    first, and are 0 where an array is broadcast or, as an output, reduced.

    Raises
    ------
    KeyError
        There is no such kernel.
    ValueError
        A tuple has the wrong length, or the kernel does not take such arrays.
    MemoryError
        There was none for a temporary.
    """

def address(array: object, /) -> int:
    """Where the first entry of a numpy array is: in a fifth of the time that numpy takes.

    Raises
    ------
    BufferError, TypeError
        It is no array of a library that lets others see its memory.
    """

def kernels() -> dict[str, int]:
    """Names of the kernels, and the numbers that `run` takes."""

def instruction_sets() -> tuple[str, ...]:
    """Those compiled in that this processor has, best first."""

def use(name: str, /) -> None:
    """Change to another instruction set, for the whole process."""

def current() -> str:
    """The instruction set in use."""
