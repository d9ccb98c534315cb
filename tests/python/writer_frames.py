"""What the tests of millrace.Writer share."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import millrace
import numpy as np

# Of processes that tests start: this folder's modules, and the package.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
WIDTH, HEIGHT = 96, 64
SIZE = {"width": WIDTH, "height": HEIGHT, "frame_rate": 25}
QUICK = {"preset": "veryfast", "segment_length": 1}
EXACT = {"video_codec": "ffv1", "segment_length": 1}


def moving(number, dtype="float32"):
    """A frame [3, H, W] that no other is equal to, from 0 to 1 and a little beyond."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [np.sin(x / 7 + number / 3), np.cos(y / 5 - number / 4), np.sin((x + y) / 9 + number)]
    return (np.stack(planes) * 0.55 + 0.5).astype(dtype)


def write(path, numbers, **options):
    with millrace.Writer(path, **{**SIZE, **QUICK, **options}) as writer:
        for number in numbers:
            writer.write(moving(number))
    return writer


def python(script, timeout=120, options=()):
    """A Python of its own runs `script` to its end."""
    command = [sys.executable, *options, "-c", textwrap.dedent(script)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT)
