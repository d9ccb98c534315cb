# The extension; its arguments are those of the command line, as bytes, and its answers are JSON.

from typing import Any

__version__: str

class Progress:
    """A snapshot of a run."""

    @property
    def phase(self) -> str:
        """ "planning", "building" (a model's engine, which takes minutes), "running", "joining" or "done"."""
    @property
    def frames_done(self) -> int:
        """Encoded or written, earlier runs included."""
    @property
    def frames_reused(self) -> int:
        """Of those, by earlier runs."""
    @property
    def frames_total(self) -> int:
        """-1 where it is not known."""
    @property
    def fps(self) -> float:
        """Over the last two seconds."""
    @property
    def seconds_left(self) -> float:
        """-1 where it is not known."""
    @property
    def building_seconds(self) -> float:
        """In the phase "building": for how long already."""
    @property
    def lanes(self) -> int:
        """Segments in work at once."""
    @property
    def limiting_stage(self) -> str:
        """The stage that holds the others up."""

class Running:
    """A run that goes on by itself."""

    def __init__(self, arguments: list[bytes]) -> None: ...
    def wait(self, seconds: float) -> bool: ...
    def stop(self) -> None: ...
    def progress(self) -> Progress: ...
    def report(self) -> str: ...
    def trace(self) -> str: ...

class FrameTensor:
    """Frames in memory of the run, which whoever views it keeps from being used again."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> str:
        """ "float32" or "float16"."""
    @property
    def device(self) -> str:
        """ "cpu"."""
    @property
    def __array_interface__(self) -> dict[str, Any]:
        """For numpy.asarray(), which makes no copy."""

class ScriptWorker:
    """The process that runs a script, for millrace/_worker.py."""

    def __init__(self, socket: int) -> None: ...
    @property
    def script(self) -> str: ...
    @property
    def settings(self) -> dict[str, str]: ...
    def fail(self, code: str, message: str) -> None: ...
    def run(self, description: str, calls: object) -> bool: ...

class Writer:
    """What millrace.Writer stands on; `declaration` is JSON."""

    def __init__(self, arguments: list[bytes], declaration: str) -> None: ...
    @property
    def frames_done(self) -> int: ...
    @property
    def next_frame(self) -> int: ...
    def start_at(self, frame: int) -> None: ...
    def write(self, frames: object, pts: list[int] | None = None, stream: int | None = None) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def wait(self, seconds: float) -> bool: ...
    def report(self) -> str: ...

def probe(arguments: list[bytes]) -> str: ...
def devices(arguments: list[bytes]) -> str: ...
def versions() -> str: ...
def main(arguments: list[bytes]) -> int: ...
