"""The command `cell lsp`: the language server, which an editor starts."""

from __future__ import annotations

import argparse
import importlib.util

from compiler.commands.inspect import UsageError
from compiler.version import DISTRIBUTION, version


def lsp(options: argparse.Namespace) -> int:
    """Answers an editor over standard input and output until the editor ends the server.

    Raises:
      UsageError: pygls is not installed.
    """
    if importlib.util.find_spec("pygls") is None:
        raise UsageError(f"cell lsp needs pygls: pip install '{DISTRIBUTION}[editor]'")
    from compiler.editor.server import serve

    serve(version())
    return 0
