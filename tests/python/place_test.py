"""Which line of a script runs: what copies on a GPU are named by.

A call of CUDA cannot be asked for its line, so Python is told, there, to call a function as soon as it runs again
(Py_AddPendingCall). These calls, too, let go of the GIL and leave such a wish behind.
"""

from __future__ import annotations

import ctypes

import pytest
from millrace._place import place_in

PENDING = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
CALLS = {
    "a call": "copy(wish, None)  # HERE",
    "what it returns": "x = copy(wish, None)  # HERE\ny = 2\nz = len([y])",
    "keywords": "x = dict(a=copy(wish, None))  # HERE",
    "stars": "copy(*(wish, None))  # HERE",
    "several lines": "x = (\n    copy(  # HERE\n        wish,\n        None,\n    )\n)",
    "a comprehension": "x = [\n    copy(wish, None)  # HERE\n    for _ in range(1)\n]",
    "a loop": "for _ in (1,):\n    if True:\n        copy(wish, None)  # HERE",
    "a C function": "list(map(copy, [wish], [None]))  # HERE",
    "the last line": "def f():\n    return copy(wish, None)  # HERE\nf()",
    "a generator": "def f():\n    yield copy(wish, None)  # HERE\nnext(f())",
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_named_by_its_line(tmp_path, call):
    script = tmp_path / "enhance.py"
    place = place_in([str(script)])
    seen = []

    @PENDING
    def wish(_):
        seen.append(place())
        return 0

    copy = ctypes.CDLL(None).Py_AddPendingCall
    copy.argtypes = [PENDING, ctypes.c_void_p]
    text = f"import sys\n{CALLS[call]}\n"
    exec(compile(text, str(script), "exec"), {"copy": copy, "wish": wish})
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "# HERE" in line)
    assert seen == [f"enhance.py:{line}"]


def executed(file, text, **names):
    exec(compile(text, str(file), "exec"), names)
    return names


def test_the_innermost_line_of_the_script_or_a_file_beside_it_counts(tmp_path):
    place = place_in([str(tmp_path / "a/enhance.py"), str(tmp_path / "b/other.py")])
    library = executed("/usr/lib/python3/torch/tensor.py", "def cpu():\n    return place()\n", place=place)
    installed = executed(
        tmp_path / "a/venv/lib/site-packages/x.py", "\n\ndef cpu():\n    return below()\n", below=library["cpu"]
    )
    text = "\ndef down():\n    return cpu()\n"
    beside = executed(tmp_path / "a/tools/copies.py", text, cpu=installed["cpu"])
    script = executed(tmp_path / "a/enhance.py", "found = down()\n", down=beside["down"])
    assert script["found"] == "tools/copies.py:3"
    assert executed(tmp_path / "b/other.py", "\nfound = cpu()", cpu=installed["cpu"])["found"] == "other.py:2"
    assert executed(tmp_path / "c/else.py", "found = cpu()", cpu=library["cpu"])["found"] == ""
    assert place() == ""
