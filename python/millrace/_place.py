"""Where a script stands."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def is_own(file: str, folder: Path) -> bool:
    """Whether a file is the script's or one beside it, not of a package installed below its folder."""
    path = Path(file)
    installed = "site-packages" in path.parts or path.parent == Path(__file__).parent
    return folder in path.parents and not installed


def place_in(scripts: Sequence[str]) -> Callable[[], str]:
    """A function that says which line of the scripts, or of a file beside them, the thread is in.

    "enhance.py:42", the innermost one; "" outside them.
    """
    folders = [Path(script).absolute().parent for script in scripts]

    @functools.cache
    def name_of(file: str) -> str:
        for folder in folders:
            if is_own(file, folder):
                return os.fsencode(Path(file).relative_to(folder)).decode("utf-8", "replace")
        return ""

    def place() -> str:
        frame = sys._getframe().f_back
        while frame is not None:
            if name := name_of(frame.f_code.co_filename):
                return f"{name}:{frame.f_lineno}"
            frame = frame.f_back
        return ""

    return place
