"""The program `millrace`: the same as the one in C++."""

from __future__ import annotations

import os
import signal
import sys

from millrace import _engine, _runtime


def main() -> int:
    """Runs what the command line asks for; the exit code."""
    library = _runtime.chosen_library()
    if library:
        os.environ[_runtime.VARIABLE] = library
    # Scripts run by this interpreter, which has the package, unless another is named.
    os.environ.setdefault("MILLRACE_PYTHON", sys.executable)
    # ctrl-C is the engine's to take, and ends what it does not take.
    # One that was ignored from the start (nohup) stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _engine.main([os.fsencode(word) for word in sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
