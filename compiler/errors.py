"""The package's errors: one root, and one class for each thing a caller may want to tell apart."""

from __future__ import annotations


class CompileError(Exception):
    """The package's one error root: what was given, what was found and what is allowed."""


class DataError(CompileError):
    """Images or labels cannot be used as they are."""


class ShapeError(CompileError):
    """Shapes do not fit each other."""


class Diverged(CompileError):
    """Training reached values that are no numbers."""
