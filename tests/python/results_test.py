"""What scripts may return, and what they are told otherwise. The arrays are numpy's, and the buffer protocol's."""

import array
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from millrace import _results
from millrace._declare import ScriptError
from millrace._results import check_result, json_texts, shape_and_dtype


@dataclass
class Batch:
    frames: int = 3
    slots: int = 4
    rate: int = 1
    result_shape: tuple[int, ...] = (3, 8, 6)
    dtype: str = "float32"
    device: str = "cpu"
    pixel_format: str = ""


def refusal(kind, results, batch=None):
    with pytest.raises(ScriptError) as caught:
        check_result(kind, results, batch or Batch())
    assert caught.value.code == "failed"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pictures(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


class Tensor:
    """As torch's: the type's text is "torch.float32"."""

    class Dtype:
        def __repr__(self):
            return "torch.float32"

    shape, dtype = (4, 3, 8, 6), Dtype()


class OnGpu(Tensor):
    """As an array on the second GPU, with rows that are not side by side."""

    compact = None

    def __dlpack_device__(self):
        return (2, 1)

    def contiguous(self):
        self.compact = OnGpu()
        return self.compact


def buffer_of(shape):
    flat = array.array("f", [0.0] * int(np.prod(shape)))
    return memoryview(flat).cast("B").cast("f", shape)


@pytest.mark.parametrize(
    "results",
    [
        pictures(3, 3, 8, 6),
        pictures(4, 3, 8, 6),
        [pictures(3, 8, 6)] * 3,
        [pictures(3, 8, 6)] * 4,
        (pictures(3, 8, 6),) * 3,
        Tensor(),
        buffer_of((3, 3, 8, 6)),
        [buffer_of((3, 8, 6))] * 3,
        pictures(3, 3, 16, 6)[:, :, ::2],
    ],
)
def test_pictures(results):
    check_result("processor", results, Batch())


def test_half_pictures():
    check_result("processor", pictures(4, 3, 8, 6, dtype="float16"), Batch(dtype="float16"))


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (None, "expected float32 [3, 3, 8, 6] or float32 [4, 3, 8, 6], found NoneType; return an array"),
        (
            pictures(3, 3, 8, 6, dtype="float64"),
            "expected float32 [3, 3, 8, 6] or float32 [4, 3, 8, 6], found float64 [3, 3, 8, 6]; convert it to float32",
        ),
        (pictures(3, 3, 8, 6, dtype="uint8"), "found uint8 [3, 3, 8, 6]; convert it to float32"),
        (pictures(3, 3, 8, 6, dtype=">f4"), "found >f4 [3, 3, 8, 6]; convert it to float32"),
        (pictures(3, 8, 6, 3), "found float32 [3, 8, 6, 3]; is its layout the one that the decorator declares?"),
        (pictures(3, 3, 16, 12), "found float32 [3, 3, 16, 12]; a size other than the input's is declared with scale"),
        (pictures(2, 3, 8, 6), "found float32 [2, 3, 8, 6]"),
        (pictures(3, 8, 6), "found float32 [3, 8, 6]"),
        ([pictures(3, 8, 6)] * 2, "expected 3 or 4 pictures, one a frame, found 2"),
        ([pictures(3, 8, 6)] * 5, "expected 3 or 4 pictures, one a frame, found 5"),
        ([pictures(3, 8, 6), None, None], "expected float32 [3, 8, 6] for picture 1 of the batch, found NoneType"),
        (b"xx", "found uint8 [2]"),
        ("xx", "found str; return an array"),
        (iter([]), "found list_iterator; return an array"),
    ],
)
def test_what_are_no_pictures(results, message):
    assert message in refusal("processor", results)


def test_a_full_batch_has_one_shape():
    message = refusal("processor", None, Batch(frames=4))
    assert message.startswith("expected float32 [4, 3, 8, 6], found NoneType")


def test_data_become_lines_of_json():
    texts = json_texts(({"mean": 0.5}, [1, None, "é"], {"a": [float("nan")], "b": float("inf")}), 3)
    assert [json.loads(text) for text in texts] == [{"mean": 0.5}, [1, None, "é"], {"a": [None], "b": None}]
    assert all("\n" not in text for text in texts)


def test_data_of_what_fills_a_batch_are_dropped():
    results = [{"a": 1}, {"b": 2}, {}, {"what": "fills"}]
    check_result("analyser", results, Batch())
    assert json_texts(results, 3) == ['{"a":1}', '{"b":2}', "{}"]


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (None, "expected a list of objects, one a frame, found NoneType"),
        ({"mean": 1}, "expected a list of objects, one a frame, found dict"),
        ("abc", "expected a list of objects, one a frame, found str"),
        (7, "expected a list of objects, one a frame, found int"),
        ((x for x in "abc"), "expected a list of objects, one a frame, found generator"),
        ([{}] * 2, "expected 3 or 4 objects, one a frame, found 2"),
        ([{}, {"x": np.float32(1)}, {}], "frame 1 of the batch: dict is no JSON (Object of type float32 is not JSON"),
        ([{}, {}, {(1, 2): 3}], "frame 2 of the batch: dict is no JSON (keys must be str"),
        ([{}, {}, {1, 2}], "frame 2 of the batch: set is no JSON"),
    ],
)
def test_what_are_no_data(results, message):
    assert message in refusal("analyser", results)


def test_data_that_hold_themselves():
    loop = []
    loop.append(loop)
    assert "frame 0 of the batch: list is no JSON" in refusal("analyser", [loop, {}, {}])


def test_shapes_of_what_is_no_array():
    assert shape_and_dtype([1.0]) is None
    assert shape_and_dtype(1.0) is None
    assert shape_and_dtype(bytearray(4)) == ((4,), "uint8")
    assert shape_and_dtype(np.float32(1)) == ((), "float32")


def test_numpy_is_not_imported():
    # The module alone: the package may import its extension.
    folder = Path(_results.__file__).parent
    code = f"""
import sys, types
package = types.ModuleType("millrace")
package.__path__ = [{str(folder)!r}]
sys.modules["millrace"] = package
import millrace._script
from millrace._results import shape_and_dtype
print(shape_and_dtype(b"x"), "numpy" in sys.modules)
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "((1,), 'uint8') False\n", answer.stderr


def test_pictures_must_be_where_the_run_is():
    said = refusal("processor", OnGpu())
    assert said == "expected an array on cpu, found one on cuda:1; bring it there, or choose --device cuda"
    said = refusal("processor", [pictures(3, 8, 6)] * 3, Batch(device="cuda:0"))
    assert said == "expected an array on cuda:0 for picture 0 of the batch, found one on cpu; leave it there"


def test_pictures_on_a_gpu_are_handed_over_compact():
    result = OnGpu()
    assert check_result("processor", result, Batch(device="cuda:1")) is result.compact
