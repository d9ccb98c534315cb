# The extension; its arguments are those of the command line, as bytes, and its answers are JSON.

from collections.abc import Callable
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
    def pieces_done(self) -> int:
        """In the phase "building": of fused layers, those whose plans are chosen."""
    @property
    def pieces_total(self) -> int:
        """0 where it is not known."""
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
        """ "float32", "float16", "uint8" or "uint16"."""
    @property
    def device(self) -> str:
        """ "cpu", "cuda:0"."""
    def first(self, count: int) -> FrameTensor:
        """The first entries, of the same memory."""
    def wait(self) -> None:
        """Until the frames are there, for those who know no streams."""
    @property
    def __array_interface__(self) -> dict[str, Any]:
        """For numpy.asarray(), which makes no copy. On a GPU an AttributeError."""
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """For cupy.asarray() and numba. On the CPU an AttributeError."""
    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> object:
        """A capsule for from_dlpack(): `stream` waits until the frames are there. BufferError, ValueError."""
    def __dlpack_device__(self) -> tuple[int, int]: ...

class ClipReader:
    """A file whose frames can be had, for millrace/_clip.py. Frames are a tensor, their numbers, pts and seconds."""

    def __init__(self, arguments: list[bytes], frames: dict[str, str], dtype: str, batch: int) -> None: ...
    def info(self) -> dict[str, Any]: ...
    def times(self) -> tuple[list[int], int]: ...
    def frames(self, numbers: list[int]) -> tuple[FrameTensor, tuple[int, ...], tuple[int, ...], tuple[float, ...]]: ...
    def frame(self, number: int) -> tuple[FrameTensor, int, float]: ...
    def stream(self) -> ClipStream: ...
    def close(self) -> None: ...

class ClipStream:
    """All frames of a file in order, made ahead."""

    def next(self) -> tuple[FrameTensor, tuple[int, ...], tuple[int, ...], tuple[float, ...]] | None:
        """None at the end."""
    def losses(self) -> dict[str, Any]: ...
    def close(self) -> None: ...

class ScriptWorker:
    """The process that runs a script, for millrace/_worker.py."""

    def __init__(self, socket: int) -> None: ...
    @property
    def scripts(self) -> list[str]: ...
    @property
    def settings(self) -> dict[str, str]: ...
    @property
    def frames(self) -> int | None:
        """What --frames said."""
    @property
    def batch(self) -> int | None:
        """What --batch said."""
    def fail(self, code: str, message: str) -> None: ...
    def keep_state(self, segment: int, state: bytes) -> None: ...
    def run(self, description: str, calls: object) -> bool: ...

class Generation:
    """The process of a generator, for millrace/_generation.py: scripts that are described, and their output, open.

    `description` and `declaration`, of what the last script makes, are JSON. With scripts behind the generator, frames
    are put into a batch, which the first of them is handed; what each makes is handed on.
    """

    def __init__(self, worker: ScriptWorker, description: str, declaration: str) -> None: ...
    @property
    def device(self) -> str:
        """ "cpu", "cuda:0"."""
    @property
    def stopped(self) -> bool: ...
    @property
    def frames_done(self) -> int:
        """So many of the output's frames, from the first on, are on disk."""
    @property
    def segment_frames(self) -> int:
        """So many of them are a segment."""
    @property
    def last_state(self) -> int | None:
        """The last segment, of those that are finished from the first on, whose state an earlier run kept."""
    def keep_state(self, segment: int, state: bytes) -> None: ...
    def read_state(self, segment: int) -> bytes: ...
    def writer(self) -> Writer:
        """Where the last script makes pictures."""
    def lines_at(self, frame: int) -> None:
        """Where it is an analyser: the frame that its next line is about."""
    def write_line(self, frame: tuple[int, int, float], result: str) -> None:
        """`frame`: its number, pts and seconds; `result`: JSON."""
    def close_lines(self) -> None: ...
    def set_up(self) -> None:
        """The scripts are: the run's time begins."""
    def enter(self) -> None:
        """A call into a script begins."""
    def leave(self) -> None: ...
    def begin_batch(self, dtype: str, shape: list[int]) -> None:
        """Zeros that frames are put into."""
    def put(self, frames: object, first: int, count: int, slot: int, stream: int | None = None) -> None:
        """`count` of the frames from `first` on, or the one that it is; `stream`, of the producer, waits for that."""
    def take_batch(self) -> FrameTensor: ...
    def hand_on(self, results: object, dtype: str, shape: list[int], frames: int) -> FrameTensor:
        """What a script made, of which so many frames are there, for the next one."""
    def finish(self) -> None:
        """The file is there."""
    def abort(self) -> None:
        """Waits; what is finished is kept."""

class Writer:
    """What millrace.Writer stands on; `declaration` is JSON."""

    def __init__(self, arguments: list[bytes], declaration: str) -> None: ...
    @property
    def frames_done(self) -> int: ...
    @property
    def next_frame(self) -> int: ...
    def start_at(self, frame: int) -> None: ...
    def write(
        self, frames: object, pts: list[int] | None = None, stream: int | None = None, most: int | None = None
    ) -> None:
        """`most`: of a batch, so many frames alone."""
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def wait(self, seconds: float) -> bool: ...
    def report(self) -> str: ...

class GpuWatch:
    """What GPUs do from here to stop(), as CUPTI sees it: a report as JSON, of which `gpus` and `notes` are filled."""

    def __init__(self) -> None: ...
    def stop(self) -> str: ...

def probe(arguments: list[bytes]) -> str: ...
def devices(arguments: list[bytes]) -> str: ...
def versions() -> str: ...
def parse_rate(text: str) -> tuple[int, int] | None:
    """ "25", "29.97", "30000/1001" as a fraction above 0 in lowest terms; None for anything else."""

def main(arguments: list[bytes]) -> int: ...
def tune(arguments: list[bytes], progress: Callable[[str], object] | None) -> str: ...
def tune_text(result: str) -> str: ...
def tune_plot(result: str) -> str: ...
