"""The command line: one file per command, imported when the command is called."""

from __future__ import annotations

from mhbench.cli.main import main

__all__ = ["main"]
