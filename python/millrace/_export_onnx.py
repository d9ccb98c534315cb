"""From PyTorch to an ONNX file: the exporter, the graph made simple, float16, metadata."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import json
import logging
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from millrace._export_report import ExportError

_IR_VERSION = 10  # what ONNX Runtime 1.21 reads
_LARGEST = 2**31  # bytes: protobuf's limit


@dataclass(frozen=True)
class Ports:
    """Names of the inputs and outputs, and their axes that may vary: {"input": {0: "N"}}."""

    inputs: Sequence[str]
    outputs: Sequence[str]
    axes: Mapping[str, Mapping[int, str]]


def _uses_dynamo() -> bool:
    """Whether this torch's exporter is the one by torch.export: it is the default, and what it needs is there."""
    torch: Any = import_module("torch")
    parameter = inspect.signature(torch.onnx.export).parameters.get("dynamo")
    return parameter is not None and parameter.default is True and importlib.util.find_spec("onnxscript") is not None


def exporter_name() -> str:
    torch: Any = import_module("torch")
    return f"torch {torch.__version__}, {'torch.export' if _uses_dynamo() else 'TorchScript'}"


def exported(module: Any, inputs: Sequence[Any], ports: Ports, opset: int | None) -> tuple[Any, list[str]]:
    """The module as a ModelProto, and what the exporter warned of. `inputs` are arrays of numpy."""
    import onnx

    torch: Any = import_module("torch")
    tensors = tuple(torch.from_numpy(array) for array in inputs)
    options: dict[str, Any] = {"input_names": list(ports.inputs), "output_names": list(ports.outputs)}
    if opset is not None:
        options["opset_version"] = opset
    if _uses_dynamo():
        options.update(dynamo=True, external_data=False, verbose=False)
        if ports.axes:  # those of the outputs follow
            options["dynamic_shapes"] = {"inputs": tuple(dict(ports.axes.get(name, {})) for name in ports.inputs)}
    else:
        options["dynamic_axes"] = {name: dict(axes) for name, axes in ports.axes.items()}
        if "dynamo" in inspect.signature(torch.onnx.export).parameters:
            options["dynamo"] = False
    with tempfile.TemporaryDirectory() as folder, _quiet() as warned, torch.no_grad():
        file = Path(folder, "model.onnx")
        try:
            torch.onnx.export(module, tensors, str(file), **options)
        except Exception as error:
            raise ExportError(f"torch's exporter to ONNX failed: {_first_line(error)}; {_advice(error)}") from error
        return onnx.load(str(file)), [str(warning.message).splitlines()[0] for warning in warned]


def _first_line(error: BaseException) -> str:
    """Of the error at the bottom; torch colours its own, which only say that something failed below."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
    return f"{type(error).__name__}: {next((line for line in lines if line.strip()), '')}"


def _advice(error: Exception) -> str:
    if "onnxscript" in str(error):
        return "install it: pip install onnxscript"
    return "write the module without what it names, fix sizes with dynamic=(), or give another opset="


@contextlib.contextmanager
def _quiet() -> Iterator[list[warnings.WarningMessage]]:
    """Without what exporters print; the warnings of tracing are kept, as they tell why numbers differ."""
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        warned: list[warnings.WarningMessage] = []
        logged = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield warned
        finally:
            logging.disable(logged)
    warned += [warning for warning in caught if warning.category.__name__ == "TracerWarning"]


def simplified(model: Any) -> Any:
    """Constants folded, batch norms in the convolutions before them, what does nothing left out: by ONNX Runtime."""
    import onnx

    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        options.optimized_model_filepath = str(file)
        onnxruntime.InferenceSession(serialized(model), options, providers=["CPUExecutionProvider"])
        simple = onnx.load(str(file))
    if any(node.domain not in ("", "ai.onnx") for node in simple.graph.node):
        simple = model  # an operator of ONNX Runtime's own came in: others could not read it
    return _tidy(simple)


def _tidy(model: Any) -> Any:
    """Without what the engine has no use for; the exporters write source lines and paths into it."""
    domains = {node.domain for node in model.graph.node} | {""}
    kept = [entry for entry in model.opset_import if entry.domain in domains]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.ir_version = min(model.ir_version, _IR_VERSION)
    model.producer_name, model.producer_version, model.doc_string = "millrace", "", ""
    model.graph.name, model.graph.doc_string = "main", ""
    del model.functions[:]
    for message in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        message.doc_string = ""
        if "metadata_props" in message.DESCRIPTOR.fields_by_name:
            message.ClearField("metadata_props")
    return model


def with_settings(model: Any, settings: Mapping[str, Any]) -> Any:
    """The settings as metadata of the file, under the prefix millrace."""
    import onnx

    texts = {
        f"millrace.{key}": value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()
    }
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, texts)
    return model


def as_float16(model: Any) -> Any:
    """A copy with weights and arithmetic in float16; inputs and outputs stay float32. By onnxruntime's converter."""
    import onnx

    float16: Any = import_module("onnxruntime.transformers.float16")
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of every value that is cut off at the ends; the result is compared
        half = float16.convert_float_to_float16(copied, keep_io_types=True)
    _sort(half.graph)
    return half


def _sort(graph: Any) -> None:
    """Nodes after those that they read from; the converter puts its casts at the end."""
    known = {port.name for port in (*graph.input, *graph.initializer)} | {""}
    left = list(graph.node)
    ordered: list[Any] = []
    while left:
        ready = [node for node in left if known.issuperset(node.input)]
        if not ready:  # a subgraph's names, say; ONNX Runtime judges
            return
        left = [node for node in left if not known.issuperset(node.input)]
        known.update(name for node in ready for name in node.output)
        ordered += ready
    del graph.node[:]
    graph.node.extend(ordered)


def try_elsewhere(data: bytes) -> None:
    """Loads a model in another process: ONNX Runtime 1.31 crashes on some in float16. Raises RuntimeError."""
    load = "import onnxruntime, sys; onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        file.write_bytes(data)
        done = subprocess.run([sys.executable, "-c", load, str(file)], capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or [f"its process ended with {done.returncode}"]
        raise RuntimeError(f"ONNX Runtime cannot load it: {said[0]}")


def serialized(model: Any) -> bytes:
    if model.ByteSize() >= _LARGEST:
        raise ExportError(f"the model has {model.ByteSize():,} bytes; an ONNX file of one piece has at most 2 GiB")
    data: bytes = model.SerializeToString()
    return data


def counts(model: Any) -> Counter[str]:
    """How many nodes of each kind."""
    return Counter(node.op_type for node in model.graph.node)


def parameters(model: Any) -> int:
    total = 0
    for tensor in model.graph.initializer:
        size = 1
        for extent in tensor.dims:
            size *= extent
        total += size
    return total
