"""The parser of flags for the commands `cell` and `evolve`, made of argparse and absl."""

from __future__ import annotations

import argparse
from typing import Any

from absl.flags import argparse_flags


class Parser(argparse_flags.ArgumentParser):
    """A parser for the flags that are added to it. Flags that libraries define are unknown to this parser."""

    def __init__(self, **settings: Any) -> None:
        # The help of absl would add two more flags, --helpshort and --helpfull.
        super().__init__(inherited_absl_flags=None, add_help=False, **settings)  # type: ignore[no-untyped-call]
        text = "show this help message and exit"
        self.add_argument("-h", "--help", action="help", default=argparse.SUPPRESS, help=text)
