"""Write a model as ONNX with the `millrace.*` metadata that lets Millrace run it without settings."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import torch

OPSET = 17


def export(net: torch.nn.Module, example: torch.Tensor, path: Path, dynamic: dict, metadata: dict, note: str) -> None:
    """Export `net` (one input `input`, one output `output`). Metadata that is not a string is written as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        net,
        (example,),
        str(path),
        opset_version=OPSET,
        dynamo=False,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes=dynamic,
    )
    model = onnx.load(str(path))
    entries = {
        f"millrace.{key}": value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for key, value in metadata.items()
    }
    onnx.helper.set_model_props(model, entries)
    model.ir_version = 8
    model.producer_name = "millrace"
    model.producer_version = ""
    model.doc_string = note
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
