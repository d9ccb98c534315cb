"""One process may use all frameworks beside the package, built for another Python of the same version."""

import subprocess
import sys

import pytest

FRAMEWORKS = ["torch", "tensorflow", "jax", "cv2", "onnx", "onnxruntime", "av"]


@pytest.mark.parametrize("order", [FRAMEWORKS, FRAMEWORKS[::-1]], ids=["torch first", "torch last"])
def test_all_of_them_can_be_imported_beside_the_package(order):
    code = f"import {', '.join(order)}, millrace, numpy; print(millrace.versions()['millrace'], numpy.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [__import__("millrace").__version__, "1.26.4"]
