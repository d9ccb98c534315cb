"""The package of the build folder, and the tools of the end-to-end tests, for the Python that has the frameworks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PACKAGE = os.environ.get("MILLRACE_PACKAGE", str(TESTS.parent / "build/dev/python"))
sys.path[:0] = [PACKAGE, str(TESTS / "e2e")]
os.environ["PYTHONPATH"] = PACKAGE  # of the Pythons that tests start
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's, which greets otherwise
