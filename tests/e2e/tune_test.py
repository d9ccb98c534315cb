"""`millrace tune`: what it measures, keeps and explains, and the runs that take it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from xml.etree import ElementTree

import pytest
from tools import (
    BAD_INPUT,
    FFV1,
    ROOT,
    USAGE,
    command_of,
    finished_segments,
    frames_of,
    hashes,
    leftovers,
    millrace,
    run_job,
    wait_until_signals_are_taken,
)

MODEL = ROOT / "models" / "shot_change.onnx"
PICTURES = ROOT / "models" / "upscale2x.onnx"


@pytest.fixture
def cache(tmp_path):
    """Where tuning is kept, in this test alone."""
    return tmp_path / "cache"


def tune(cache, *words, code=0):
    ended = millrace("tune", *words, "--json", env={"XDG_CACHE_HOME": str(cache)}, timeout=300)
    assert ended.code == code, ended
    return json.loads(ended.out)


def run(cache, *words):
    return run_job(*words, env={"XDG_CACHE_HOME": str(cache)})


def tuned_notes(ended):
    return [note for note in ended.report["notes"] if "tune" in note]


def kept(cache):
    (path,) = (cache / "millrace" / "tune").iterdir()
    return path


def write(cache, **members):
    """Another result of tuning than the measured one."""
    path = kept(cache)
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))


@pytest.fixture
def tuned(cache, clip):
    """A model and a clip that were tuned for; then batch 4 was best."""
    found = tune(cache, "-m", MODEL, "-i", clip("cfr"), "--time", "1")
    write(cache, settings={"batch": 4, "workers": 1, "threads": 2})
    return found


def test_everything_is_measured_kept_and_explained(cache, clip, tmp_path):
    plot = tmp_path / "curve.svg"
    found = tune(cache, "-m", MODEL, "-i", clip("cfr"), "--time", "12", "--plot", plot)
    assert {point["axis"] for point in found["points"]} >= {"batch"}
    assert found["points"][0]["settings"]["batch"] == 1
    assert all(point["fps"] > 0 and point["run_seconds"] > 0 for point in found["points"])
    for point in found["points"]:  # three measurements of at least a run in each worker
        settings = point["settings"]
        assert point["frames"] % settings["batch"] == 0
        assert point["frames"] >= 3 * settings["batch"] * settings["workers"]
    assert {"batch", "threads", "precision", "provider", "lanes"} <= {end["axis"] for end in found["ended"]}
    assert all(end["why"] for end in found["ended"])
    stored = json.loads(kept(cache).read_text())
    assert found["stored"] == str(kept(cache))
    assert stored["settings"] == found["chosen"]
    assert stored["measured"]["points"] == found["points"]
    shapes = ElementTree.fromstring(plot.read_text()).iter()
    assert sum(shape.tag.endswith("circle") for shape in shapes) == len(found["points"])


def test_a_table_for_people(cache, clip):
    ended = millrace(
        "tune", "-m", MODEL, "-i", clip("cfr"), "--time", "1", "--no-store", env={"XDG_CACHE_HOME": str(cache)}
    )
    assert ended.code == 0, ended
    table = ended.out.decode()
    for word in ("batch", "fps", "ended by", "--time gives more", "chosen: batch", "not kept"):
        assert word in table
    assert sum(line.startswith(" *") for line in table.splitlines()) == 1
    assert not (cache / "millrace").exists()


def test_a_clip_of_few_frames_is_said_to_be(cache, clip):
    words = ["-m", MODEL, "-i", clip("cfr"), "--frames", "5", "--batch", "1", "--model-threads", "1"]
    report = cache.with_name("tuned.json")
    ended = millrace("tune", *words, "--report", report, env={"XDG_CACHE_HOME": str(cache)}, timeout=300)
    assert ended.code == 0, ended
    found = json.loads(report.read_text())
    assert len(found["whole"]) >= 2
    assert {run["frames"] for run in found["whole"]} == {5}
    assert found["few"]["longer_clip"]
    assert found["few"]["frames"] <= 5
    said = r"\nmeasured over few frames, \d+ at the least: .*a longer clip makes the choice surer\n"
    assert re.search(said, ended.out.decode()), ended
    assert "fps over 5 frames" in ended.err


def test_a_run_takes_it_and_says_so(cache, tuned, clip, folder):
    plain = run(cache, clip("cfr"), folder / "plain.jsonl", "-m", MODEL, "--no-tune")
    assert tuned_notes(plain) == []
    ended = run(cache, clip("cfr"), folder / "tuned.jsonl", "-m", MODEL)
    (note,) = tuned_notes(ended)
    assert "batch 4, 1 run at once of 2 threads; --no-tune runs without" in note
    assert "note: " + note in ended.err
    assert (folder / "tuned.jsonl").read_bytes() == (folder / "plain.jsonl").read_bytes()


def test_the_same_pictures_with_and_without(cache, clip, folder):
    words = ["-m", PICTURES, "--frames", "5", *FFV1]
    tune(cache, "-m", PICTURES, "-i", clip("cfr"), "--time", "1")
    write(cache, settings={"batch": 2, "workers": 1, "threads": 1})
    ended = run(cache, clip("cfr"), folder / "tuned.mkv", *words)
    assert "batch 2" in tuned_notes(ended)[0]
    run(cache, clip("cfr"), folder / "plain.mkv", *words, "--no-tune")
    assert hashes(frames_of(folder / "tuned.mkv")) == hashes(frames_of(folder / "plain.mkv"))


def test_what_the_user_says_counts(cache, tuned, clip, folder):
    ended = run(cache, clip("cfr"), folder / "a.jsonl", "-m", MODEL, "--batch", "2")
    assert ": 1 run at once of 2 threads;" in tuned_notes(ended)[0]
    ended = run(cache, clip("cfr"), folder / "b.jsonl", "-m", MODEL, "--batch", "2", "--model-workers", "1")
    assert tuned_notes(ended) == []
    ended = run(cache, clip("cfr"), folder / "c.jsonl", "-m", MODEL, "--set-model", "batch=1")
    assert "batch" not in tuned_notes(ended)[0]


def test_lanes_are_for_one_encoder(cache, clip, folder):
    tune(cache, "-m", PICTURES, "-i", clip("cfr"), "--time", "1", "-preset", "ultrafast")
    write(cache, settings={"batch": 1, "lanes": 1})
    words = ["-m", PICTURES, "--frames", "3"]
    assert "1 lane;" in tuned_notes(run(cache, clip("cfr"), folder / "a.mp4", *words, "-preset", "ultrafast"))[0]
    assert "lane" not in tuned_notes(run(cache, clip("cfr"), folder / "b.mp4", *words))[0]


def test_another_model_knows_nothing_of_it(cache, tuned, clip, folder, models):
    ended = run(cache, clip("cfr"), folder / "a.jsonl", "-m", MODEL, "--input-range", "255")
    assert tuned_notes(ended) == []


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"versions": {"Millrace": "0.0.1"}}, "Millrace was 0.0.1"),
        ({"settings": {"batch": "many"}}, "damaged"),
        ({"format": 99}, "another version"),
    ],
)
def test_what_cannot_be_believed_is_not_taken(cache, tuned, clip, folder, members, why):
    write(cache, **members)
    ended = run(cache, clip("cfr"), folder / "a.jsonl", "-m", MODEL)
    (note,) = tuned_notes(ended)
    assert why in note
    assert str(kept(cache)) in note
    assert "'millrace tune' makes it anew" in note


def test_a_continued_run_stays_with_what_it_began_with(cache, tuned, clip, folder):
    words = ["-m", MODEL, "--segment-length", "1", "--no-progress"]
    begun = command_of("run", "-i", clip("cfr"), "-o", folder / "a.jsonl", *words)
    env = {"XDG_CACHE_HOME": str(cache)}
    whole = run(cache, clip("cfr"), folder / "whole.jsonl", *words)
    assert whole.code == 0
    interrupted = interrupt(begun, env, folder / "a.jsonl")
    if not interrupted:
        pytest.fail("the run was over before it could be interrupted")
    write(cache, settings={"batch": 1, "workers": 2, "threads": 1})
    ended = run(cache, clip("cfr"), folder / "a.jsonl", *words)
    assert "tuned as the run that this one continues: batch 4" in tuned_notes(ended)[0]
    assert ended.report["segments"]["reused"] > 0
    assert (folder / "a.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes()


def interrupt(command, env, output):
    """Stops a run after its first segment; False where it was sooner done, ten times in a row."""
    for _ in range(10):
        process = subprocess.Popen(command, env={**os.environ, **env}, stderr=subprocess.DEVNULL)
        while process.poll() is None and finished_segments(output) < 1:
            time.sleep(0.001)
        process.terminate()
        if process.wait(60) == 143:
            return True
        output.unlink()
    return False


def test_latency_of_a_live_source(cache, clip, tmp_path):
    plot = tmp_path / "live.svg"
    found = tune(cache, "-m", MODEL, "-i", clip("cfr"), "--live", "100", "--time", "6", "--plot", plot)
    live = found["live"]
    assert live["fps"] == 100
    assert live["points"][0]["batch"] == 1
    for point in live["points"]:
        assert 0 < point["p50_seconds"] <= point["p99_seconds"] <= point["worst_seconds"]
        assert 1 <= point["mean_batch"] <= point["batch"]
    assert live["best"] is None or live["best"] in live["points"]
    assert "chosen" not in found
    assert not (cache / "millrace").exists()
    assert ElementTree.fromstring(plot.read_text()).tag.endswith("svg")


def test_a_signal_ends_it_and_leaves_nothing(cache, clip, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        command_of("tune", "-m", PICTURES, "-i", clip("cfr")),
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until_signals_are_taken(process)
    time.sleep(1)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert out == ""
    assert err.rstrip().endswith("interrupted"), err
    assert [name for name in leftovers(scratch) if name.startswith("millrace")] == []
    assert not (cache / "millrace").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-i", "CLIP"], USAGE, "tune needs a model (-m FILE)"),
        (["-m", MODEL], USAGE, "tune needs an input (-i FILE)"),
        (["-m", MODEL, "-i", "CLIP", "--time", "0"], USAGE, "--time: expected a time above 0"),
        (["-m", MODEL, "-i", "CLIP", "--live", "0"], USAGE, "--live"),
        (["-m", MODEL, "-i", "CLIP", "--plot", "/nowhere/a.svg"], USAGE, "there is no folder '/nowhere'"),
        (["-m", MODEL, "-i", "CLIP", "--fp16"], USAGE, "--precision fp16: the CPU"),
        (["-m", MODEL, "-i", "-"], USAGE, "name a file"),
        (["-m", MODEL, "-i", MODEL], BAD_INPUT, "shot_change.onnx"),
        (["-m", "CLIP", "-i", "CLIP"], BAD_INPUT, "cfr"),
        (["-m", MODEL, "-i", "CLIP", "-o", "x"], USAGE, "unknown option '-o'"),
    ],
)
def test_what_cannot_be_tuned(cache, clip, words, code, message):
    ended = millrace("tune", *[clip("cfr") if word == "CLIP" else word for word in words])
    assert ended.code == code, ended
    assert message in ended.err
    assert not (cache / "millrace").exists()


def test_a_folder_that_cannot_be_written(clip, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    ended = millrace(
        "tune", "-m", MODEL, "-i", clip("cfr"), "--time", "1", env={"XDG_CACHE_HOME": str(blocked)}, timeout=120
    )
    assert ended.code == 1, ended
    assert str(blocked) in ended.err


def test_strict_runs_take_no_engine_from_it(cache, tuned, clip, folder):
    write(cache, settings={"batch": 4, "tensorrt": True})
    ended = run(cache, clip("cfr"), folder / "a.jsonl", "-m", MODEL, "--strict")
    assert "TensorRT" not in tuned_notes(ended)[0]
