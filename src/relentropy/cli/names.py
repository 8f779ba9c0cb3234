"""Names of files and tensors, which may hold anything, in text."""

_UNDECODED = range(0xDC80, 0xDD00)  # how Python keeps a byte of a name that is not UTF-8


def printable(name: object) -> str:
    r"""A name as text of one line: what has no sign of its own becomes ``\n`` or ``\xff``."""
    return "".join(one if one.isprintable() else _escaped(one) for one in str(name))


def _escaped(sign: str) -> str:
    code = ord(sign)
    if code in _UNDECODED:
        return f"\\x{code - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode("ascii")
