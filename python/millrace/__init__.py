"""Runs AI models over video, exactly and fast.

import millrace

report = millrace.run("in.mp4", "out.mp4", model="x2.onnx", crf=20)
print(report.verdict)

for batch in millrace.read("in.mp4", batch=16):
    print(batch.pts, batch.numpy().shape)
"""

from __future__ import annotations

try:
    from millrace._engine import Progress, __version__
except ImportError as error:
    raise ImportError(
        f"millrace's engine cannot be loaded: {error}. It is built for the machine that it is installed on, with that "
        "machine's FFmpeg; install the FFmpeg libraries, or build it anew here: "
        "pip install --force-reinstall --no-deps PATH_TO_MILLRACE",
        name=error.name,
        path=error.path,
    ) from error

from millrace._batch import Batch, Info
from millrace._clip import Clip, Frame, Losses, ReadOptions, read
from millrace._declare import ScriptError, analyser, processor
from millrace._errors import BadInputError, Error, InterruptedRun, RefusedError, UsageError
from millrace._export import export
from millrace._export_report import ExportError, ExportReport
from millrace._generator import generator
from millrace._options import Options
from millrace._report import Report
from millrace._run import devices, probe, run, versions
from millrace._tune import FewFrames, LivePoint, TunePoint, TuneResult, TuneRun, TuneSettings, tune
from millrace._writer import Writer, WriterOptions

__all__ = [
    "BadInputError",
    "Batch",
    "Clip",
    "Error",
    "ExportError",
    "ExportReport",
    "FewFrames",
    "Frame",
    "Info",
    "InterruptedRun",
    "LivePoint",
    "Losses",
    "Options",
    "Progress",
    "ReadOptions",
    "RefusedError",
    "Report",
    "ScriptError",
    "TunePoint",
    "TuneResult",
    "TuneRun",
    "TuneSettings",
    "UsageError",
    "Writer",
    "WriterOptions",
    "__version__",
    "analyser",
    "devices",
    "export",
    "generator",
    "probe",
    "processor",
    "read",
    "run",
    "tune",
    "versions",
]
