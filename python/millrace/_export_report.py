"""What millrace.export() did, and how it refuses."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from millrace._errors import Error


class ExportError(Error):
    """A module cannot be exported, or what came of it is not close enough to the module. Nothing was written."""

    code = "bad_input"
    exit_code = 3


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What was exported. An error is the largest difference between the file's values and the module's, divided by the
    module's largest value."""

    path: str
    precision: Literal["float32", "float16"]
    max_error: float  # of the file as it was written
    tolerance: float  # what it was held against
    fp16_error: float | None  # where float16 was tried
    compared_on: str  # "4 frames of clip.mp4"
    dynamic: tuple[str, ...]  # of "batch", "height", "width"
    removed: tuple[str, ...]  # "weight norm of body.0"
    settings: dict[str, Any]  # as the engine reads them from the file: key to value
    nodes: int
    parameters: int
    bytes: int
    exporter: str  # "torch 1.13.1, TorchScript"
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """A few lines to print."""
        lines = [
            f"{self.path}: {self.precision}, {self.nodes} nodes, {self.parameters:,} parameters, {self.bytes:,} bytes",
            f"largest error {self.max_error:.2g} (at most {self.tolerance:.2g}) on {self.compared_on}",
            f"any {', '.join(self.dynamic)}" if self.dynamic else "one shape",
            *self.removed,
            *(f"note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)
