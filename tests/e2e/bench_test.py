"""`millrace bench`: every stage alone, then the whole."""

from __future__ import annotations

import json
import subprocess
import time

from tools import ROOT, command_of, millrace, wait_until_signals_are_taken

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
    assert {"1"} <= set(found["model_batches"]) <= BATCHES  # as far as a run takes no longer than a step
    assert all(rate > 0 for rate in [*found["ceilings"].values(), *found["model_batches"].values()])
    assert found["slowest_fps"] == min(found["ceilings"].values())
    assert found["whole_fps"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_gives_data_needs_no_name_for_them(tmp_path, clip):
    model = ROOT / "models" / "shot_change.onnx"
    ended = millrace("bench", "-i", clip("cfr"), "-m", model, "--frames", "12", "--json", cwd=tmp_path, timeout=300)
    assert ended.code == 0, ended
    found = json.loads(ended.out)
    assert set(found["ceilings"]) == {"decode", "to_tensor", "model"}
    assert found["whole_fps"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_signal_is_told_as_one(tmp_path, clip):
    process = subprocess.Popen(
        command_of("bench", "-i", clip("cfr")), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until_signals_are_taken(process)
    time.sleep(1)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert err.rstrip().endswith("interrupted"), err
    assert " 0.0 fps" not in err
