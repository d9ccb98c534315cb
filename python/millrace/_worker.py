"""The process that runs a script. Started by a run that has one; not for use by hand."""

from __future__ import annotations

import json
import os
import platform
from typing import Any

from millrace import _engine
from millrace._batch import Batch, Info
from millrace._chain import Chain, load_chain, with_frames
from millrace._declare import ScriptError
from millrace._errors import Error
from millrace._generation import generate

# JAX and TensorFlow would take most of the GPU's memory for themselves; read when the script imports them.
_GPU_MEMORY = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


class _Calls:
    """How the engine enters a script. All of it runs on the main thread."""

    def __init__(self, chain: Chain, worker: _engine.ScriptWorker) -> None:
        self._chain = chain
        self._worker = worker
        self._saves = chain.description["saves"]
        self._segment: int | None = None  # of the last batch
        self._pixel_format = ""

    def setup(self, width: int, height: int, device: str, batch: int, pixel_format: str) -> None:
        self._pixel_format = pixel_format
        self._chain.setup(Info(width, height, device, batch, pixel_format))

    def process(self, step: int, tensor: _engine.FrameTensor, frames: list[Any], result_shape: tuple[int, ...]) -> Any:
        """What script number `step` makes: lines of JSON, or an array for all frames, or a list of arrays."""
        indices, pts, seconds, segments = zip(*frames, strict=True)
        if self._saves and step == 0:
            self._keep_state(segments[0])
        script = self._chain.scripts[step]
        rate = script.description["rate"]
        batch = Batch(tensor, indices, pts, seconds, segments, result_shape, rate, self._pixel_format)
        try:
            return script.check(script.process(batch), batch)
        except ScriptError as error:
            raise with_frames(error, indices) from error

    def _keep_state(self, segment: int) -> None:
        """Before the first batch of a segment: what is known at the end of the one before."""
        if self._segment is not None and segment != self._segment:
            self._worker.keep_state(self._segment, self._chain.save())
        self._segment = segment

    def load(self, state: bytes) -> None:
        self._chain.load(state)

    def end(self) -> None:
        self._chain.flush()
        self._chain.close()


def _text(error: Error) -> str:
    return f"{error}\n{error.traceback}".rstrip() if isinstance(error, ScriptError) else str(error)


def _described(chain: Chain) -> dict[str, Any]:
    """For the engine."""
    said = dict(chain.description)
    said["parameters"] = json.dumps(said["parameters"], sort_keys=True)
    said["runtime"] = f"Python {platform.python_version()}"
    return said


def main(socket: int) -> int:
    """Works until the run needs no more. The exit code of the process."""
    for name, value in _GPU_MEMORY.items():
        os.environ.setdefault(name, value)
    worker = _engine.ScriptWorker(socket)
    try:
        chain = load_chain(worker.scripts, worker.settings)
        description = _described(chain)
        if description["kind"] == "generator":
            return 0 if generate(worker, description, chain) else 1
    except Error as error:
        worker.fail(error.code, _text(error))
        return 1
    return 0 if worker.run(json.dumps(description), _Calls(chain, worker)) else 1
