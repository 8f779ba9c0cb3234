"""One of the arrays in a file."""

from pathlib import Path

from relentropy.cli.inputs.damage import refuse, shortened

_NAMES_SHOWN = 8


def chosen(path: Path, member: str | None, names: list[str], what: str, argument: str) -> str:
    """The name that was asked for, or the only one.

    Raises
    ------
    UnusableFileError
        If it is not there, or not the only one.
    """
    shown = ", ".join(map(shortened, names[:_NAMES_SHOWN]))
    shown += ", ..." if len(names) > _NAMES_SHOWN else ""
    if not names:
        raise refuse(argument, path, f"holds no {what}s")
    if member is None and len(names) > 1:
        why = f"holds {len(names):,} {what}s: {shown}; name one: {path}:{shortened(names[0])}"
        raise refuse(argument, path, why)
    if member is not None and member not in names:
        raise refuse(argument, path, f"has no {what} '{member}'; it holds {shown}")
    return names[0] if member is None else member


def without_member(path: Path, member: str | None, argument: str) -> None:
    """Raise UnusableFileError if a member of a file with one array was asked for."""
    if member is not None:
        raise refuse(argument, f"{path}:{member}", f"holds one array; leave out ':{member}'")
