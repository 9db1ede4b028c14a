"""The command `cell lsp`: the language server, which an editor starts."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util

from compiler.commands.inspect import UsageError

_DISTRIBUTION = "amoeba-evolve"


def lsp(options: argparse.Namespace) -> int:
    """Answers an editor over standard input and output until the editor ends the server.

    Raises:
      UsageError: pygls is not installed.
    """
    if importlib.util.find_spec("pygls") is None:
        raise UsageError(f"cell lsp needs pygls: pip install '{_DISTRIBUTION}[editor]'")
    from compiler.editor.server import serve

    serve(_version())
    return 0


def _version() -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:  # A checkout on the import path is not installed.
        return "unknown"
