"""Which ONNX Runtime the engine loads."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

VARIABLE = "MILLRACE_ORT_LIBRARY"


def own_library() -> str | None:
    """The library of this interpreter's own onnxruntime package, which is not imported; None: it has none."""
    spec = importlib.util.find_spec("onnxruntime")
    for folder in (spec and spec.submodule_search_locations) or ():
        libraries = sorted(Path(folder, "capi").glob("libonnxruntime.so*"))
        if libraries:
            return str(libraries[-1])
    return None


def chosen_library() -> str | None:
    """None where the variable says which, or the engine is to look further."""
    return None if os.environ.get(VARIABLE) else own_library()
