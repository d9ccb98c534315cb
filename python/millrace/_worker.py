"""The process that runs a script. Started by a run that has one; not for use by hand."""

from __future__ import annotations

import json
import os
import platform
from typing import Any

from millrace import _engine
from millrace._batch import Batch, Info
from millrace._script import Script, ScriptError, load

# JAX and TensorFlow would take most of the GPU's memory for themselves; read when the script imports them.
_GPU_MEMORY = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


class _Calls:
    """How the engine enters a script. All of it runs on the main thread."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def setup(self, width: int, height: int, device: str, batch: int) -> None:
        self._script.setup(Info(width, height, device, batch))

    def process(self, tensor: _engine.FrameTensor, frames: list[Any], result_shape: tuple[int, ...]) -> Any:
        """Lines of JSON of an analyser; of a processor an array for all frames, or a list of arrays."""
        indices, pts, seconds, segments = zip(*frames, strict=True)
        batch = Batch(tensor, indices, pts, seconds, segments, result_shape)
        return self._script.check(self._script.process(batch), batch)

    def end(self) -> None:
        self._script.flush()
        self._script.close()


def _text(error: ScriptError) -> str:
    return f"{error}\n{error.traceback}".rstrip()


def _described(script: Script) -> str:
    """For the engine, as JSON."""
    said = dict(script.description)
    said["parameters"] = json.dumps(said["parameters"], sort_keys=True)
    said["runtime"] = f"Python {platform.python_version()}"
    return json.dumps(said)


def main(socket: int) -> int:
    """Works until the run needs no more. The exit code of the process."""
    for name, value in _GPU_MEMORY.items():
        os.environ.setdefault(name, value)
    worker = _engine.ScriptWorker(socket)
    try:
        script = load(worker.script, worker.settings)
    except ScriptError as error:
        worker.fail(error.code, _text(error))
        return 1
    return 0 if worker.run(_described(script), _Calls(script)) else 1
