# The extension; its arguments are those of the command line, as bytes, and its answers are JSON.

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

def probe(arguments: list[bytes]) -> str: ...
def devices(arguments: list[bytes]) -> str: ...
def versions() -> str: ...
def main(arguments: list[bytes]) -> int: ...
