"""How long a step of `millrace script check` may take."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TypeVar

from millrace._declare import ScriptError

_GRACE = 2.0  # seconds for a thread of Python's to say it nicely, which needs Python's lock

Result = TypeVar("Result")


class Deadline:
    """Ends the process where a step takes longer, as nothing else ends a call into somebody's code."""

    def __init__(self, path: str, seconds: float, expired: Callable[[ScriptError], object]) -> None:
        """`seconds` 0: a step may take any time. `expired` is told, and ends the process."""
        self._path = path
        self._seconds = seconds
        self._expired = expired

    def timed(self, call: Callable[[], Result]) -> tuple[float, Result]:
        """The seconds that it took, and what it returned."""
        timer = threading.Timer(self._seconds, self._expire, [threading.get_ident()])
        timer.daemon = True
        if self._seconds > 0:
            timer.start()
            faulthandler.dump_traceback_later(self._seconds + _GRACE, exit=True)
        began = time.perf_counter()
        try:
            result = call()
            return time.perf_counter() - began, result
        finally:
            timer.cancel()
            if self._seconds > 0:
                faulthandler.cancel_dump_traceback_later()

    def _expire(self, thread: int) -> None:
        frame = sys._current_frames()[thread]
        own = [line for line in traceback.extract_stack(frame) if line.filename.startswith(self._path)]
        place = f"{self._path}, line {own[-1].lineno}" if own else self._path
        text = f"{place}: this has taken longer than --script-timeout {self._seconds:g}; mend it, or give it more"
        self._expired(ScriptError(text, code="failed", traceback="".join(traceback.format_list(own))))
