"""The ``relentropy`` command. `main` is its entry point."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command, or say what to install for it."""
    try:
        import click
        import rich
    except ModuleNotFoundError as missing:
        if missing.name not in {"click", "rich"}:
            raise
        sys.exit("relentropy: the command needs click and rich: pip install 'relentropy[cli]'")
    del click, rich

    from relentropy.cli.app import app

    app(prog_name="relentropy")
