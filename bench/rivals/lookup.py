"""Functions of other libraries by their full names, imported when they are called."""

import importlib
import importlib.util


def installed(library):
    return importlib.util.find_spec(library) is not None


def library_of(label):
    return label.replace(".", " ").partition(" ")[0]


def named(label):
    module, _, name = label.rpartition(".")
    return getattr(importlib.import_module(module), name)
