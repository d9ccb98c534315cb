"""`millrace bench`: every stage alone, then the whole."""

from __future__ import annotations

import json

from tools import ROOT, millrace

BATCHES = {"1", "2", "4", "8", "16"}


def test_every_stage_has_a_ceiling(tmp_path, clip):
    model = ROOT / "models" / "upscale2x.onnx"
    words = [
        "bench",
        "-i",
        clip("cfr"),
        "-m",
        model,
        "-preset",
        "ultrafast",
        "--lanes",
        "1",
        "--frames",
        "12",
        "--json",
    ]
    ended = millrace(*words, cwd=tmp_path, timeout=300)
    assert ended.code == 0, ended
    found = json.loads(ended.out)
    assert found["device"] == "cpu"
    assert set(found["ceilings"]) == {"decode", "to_tensor", "model", "to_picture", "encode"}
    assert set(found["model_batches"]) == BATCHES
    assert all(rate > 0 for rate in [*found["ceilings"].values(), *found["model_batches"].values()])
    assert found["slowest_fps"] == min(found["ceilings"].values())
    assert found["whole_fps"] > 0
    assert list(tmp_path.iterdir()) == []
