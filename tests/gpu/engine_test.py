"""Whole runs on a GPU: the file of a run on the CPU, and faults that lose nothing.

Run where a GPU is (`make test-gpu`). MILLRACE_BIN and MILLRACE_ONNXRUNTIME name the program and a runtime with a CUDA
provider; MILLRACE_TEST_TRAP the library of trap.cu.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from tools import (
    FAILED,
    REFUSED,
    ROOT,
    USAGE,
    command_of,
    ffmpeg,
    finished_segments,
    frames_of,
    leftovers,
    millrace,
    packet_fingerprint,
    times,
)

SAMPLE = ROOT / "samples" / "bbb.mp4"
RUNTIME = ["--ort-library", os.environ["MILLRACE_ONNXRUNTIME"]] if "MILLRACE_ONNXRUNTIME" in os.environ else []
# In float32, as the CPU computes: what is tested is the run around the model.
MODEL = ["-m", ROOT / "models" / "upscale2x.onnx", "--precision", "fp32", *RUNTIME]
FAST = ["-preset", "ultrafast", "--segment-length", "2"]
LOWEST_PSNR = 50.0  # dB against the CPU's pictures: both compute in float32, in another order


def gpu_count():
    devices = json.loads(millrace("devices", "--json", *RUNTIME).out)["devices"]
    return sum(device["name"].startswith("cuda") for device in devices)


def words(source, output, *options):
    return ["run", "-i", source, "-o", output, *MODEL, *options]


def run(source, output, *options, device="cuda:0", **keywords):
    """A run on a GPU that must succeed: its report."""
    report = output.parent / "report.json"
    ended = millrace(*words(source, output, "--device", device, "--report", report, *options), **keywords)
    assert ended.code == 0, ended
    found = json.loads(report.read_text())
    report.unlink()
    return found


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """A minute with sound, in 12 segments of 5 s or more."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    ffmpeg("-stream_loop", "11", "-i", SAMPLE, "-c", "copy", path)
    return path


@pytest.fixture(scope="session")
def uninterrupted(film, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "out.mp4"
    report = run(film, output, *FAST)
    assert report["fallbacks"] == []
    assert report["gpus"][0]["kernel_share"] > 0
    stages = {stage["name"]: stage for stage in report["stages"]}
    for name in ("to_tensor", "model", "to_picture"):
        assert stages[name]["gpu_seconds"] > 0, stages[name]
    assert stages["decode"]["gpu_seconds"] == 0
    # Kernels of one GPU take turns or overlap; as many streams as there are workers cannot be longer at work.
    for name in ("to_tensor", "to_picture"):
        assert stages[name]["gpu_seconds"] <= stages[name]["workers"] * report["run_seconds"], stages[name]
    return output


def test_pictures_are_the_cpus(folder):
    for device in ("cpu", "cuda:0"):
        run(SAMPLE, folder / f"{device[:3]}.mkv", "-c:v", "ffv1", "--frames", "48", device=device)
    ours, theirs = folder / "cud.mkv", folder / "cpu.mkv"
    assert times(frames_of(ours)) == times(frames_of(theirs))
    command = ["ffmpeg", "-hide_banner", "-i", ours, "-i", theirs, "-lavfi", "psnr", "-f", "null", "-"]
    said = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stderr
    worst = re.search(r"PSNR.*min:(\S+)", said)[1]
    assert worst == "inf" or float(worst) >= LOWEST_PSNR


def test_the_faster_way_is_taken_by_itself_and_again(folder):
    """float16, and fused layers where they are faster; what was found out stays."""
    auto = ["--precision", "auto", "--engine-cache", folder / "engines", *FAST]
    first = run(SAMPLE, folder / "a.mp4", *auto)
    assert first["fallbacks"] == []
    fused = first["model_runs_as"] == "fused"
    assert fused or re.fullmatch(r"cuda/.*/fp16", first["model_runs_as"]), first["model_runs_as"]
    assert bool(first["engine"]) == fused
    said = [note for note in first["notes"] if "dB of PSNR against" in note]
    assert len(said) == 1, first["notes"]
    assert float(re.search(r"([\d.]+) dB of PSNR", said[0])[1]) >= LOWEST_PSNR
    record = json.loads(next((folder / "engines").glob("*/timings/record.json")).read_text())
    faster = min(record["seconds"], key=record["seconds"].get)
    assert faster.split("/")[0] == first["model_runs_as"].split("/")[0], record
    assert "earlier run" not in said[0]
    second = run(SAMPLE, folder / "b.mp4", *auto)
    assert second["model_runs_as"] == first["model_runs_as"]
    assert second["engine"] == first["engine"]
    assert packet_fingerprint(folder / "a.mp4") == packet_fingerprint(folder / "b.mp4")


def test_fused_layers_are_compared_once(film, folder):
    """The second use, of another video too, takes what the first found out; other settings are compared again."""
    fused = ["--precision", "fp16", "--runtime", "fused", "--engine-cache", folder / "engines", *FAST]

    def compared(source, *options):
        report = run(source, folder / "out.mp4", "-y", *fused, *options)
        assert report["fallbacks"] == []
        (note,) = [note for note in report["notes"] if "dB of PSNR against" in note]
        return report, note

    first, found_out = compared(SAMPLE)
    assert "frames" in found_out
    assert "earlier run" not in found_out
    record = next((folder / "engines").glob("*/timings/record.json"))
    kept = record.read_bytes()
    second, said = compared(film)
    assert said == f"{found_out}, found out by an earlier run"
    assert second["engine"] == first["engine"]
    assert record.read_bytes() == kept
    damaged = json.loads(kept)
    damaged["holds for"]["GPU driver"] = "1.0"
    record.write_text(json.dumps(damaged))
    assert compared(SAMPLE)[1] == found_out, "another driver's verdict does not count"
    assert json.loads(record.read_bytes()) == json.loads(kept)
    assert "earlier run" not in compared(SAMPLE, "--set-model", "input.mean=0.1")[1]


def test_a_run_goes_on_in_the_way_that_it_found_faster(film, folder):
    auto = ["--precision", "auto", "--engine-cache", folder / "engines"]
    first = run(film, folder / "whole.mp4", *auto, *FAST)
    output = folder / "out.mp4"
    process = start(film, output, *auto)
    wait_for_segments(process, output, 2)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    if first["engine"]:
        (folder / "engines").rename(folder / "away")
        ended = millrace(*words(film, output, "--device", "cuda:0", *auto, *FAST))
        assert ended.code == USAGE, ended
        assert "--restart" in ended.err, ended
        shutil.rmtree(folder / "engines", ignore_errors=True)
        (folder / "away").rename(folder / "engines")
    report = run(film, output, *auto, *FAST)
    assert report["segments"]["reused"] >= 2
    assert (report["model_runs_as"], report["engine"]) == (first["model_runs_as"], first["engine"])
    assert packet_fingerprint(output) == packet_fingerprint(folder / "whole.mp4")


def test_model_show_times_the_layers_that_a_run_takes(folder):
    cache = ["--engine-cache", folder / "engines"]
    words = ["model", "show", ROOT / "models" / "upscale2x.onnx", "--input-size", "640x360", *RUNTIME, *cache]
    ended = millrace(*words, "-d", "cuda:0", "--json", timeout=300)
    assert ended.code == 0, ended
    found = json.loads(ended.out)["layers"]
    assert "problem" not in found, found["problem"]
    timed = [row for row in found["rows"] if "seconds" in row]
    assert (timed[0]["name"], timed[-1]["name"]) == ("(input)", "(output)")
    assert all(row["fused"] and row["seconds"] > 0 for row in timed)
    assert found["sums"]["seconds"] == pytest.approx(sum(row["seconds"] for row in timed))
    products = [row for row in found["rows"] if row.get("operations", 0) > 0]
    assert products
    assert all(row["plan"] and 0 < row["ceiling"] < 2 for row in products)
    assert found["check"]["numbers"]["decibels"] >= LOWEST_PSNR
    assert "fused" in found["run_seconds"]
    assert len(found["run_seconds"]) == 2
    text = millrace(*words, "-d", "cuda:0", timeout=300)
    assert b"of the ceiling" in text.out, text
    report = run(SAMPLE, folder / "a.mp4", "--precision", "fp16", "--runtime", "fused", *cache, *FAST)
    assert report["engine"] == found["engine"]


def test_precisions_are_what_they_say(folder):
    found = {}
    for precision in ("fp32", "tf32", "fp16"):
        words = ["--runtime", "cuda", "--precision", precision, "--frames", "24", *FAST]
        found[precision] = run(SAMPLE, folder / f"{precision}.mp4", *words)["model_runs_as"].split("/")
    assert "full" in found["fp32"]
    assert "fp16" not in found["fp32"]
    assert "tf32" in found["tf32"]
    assert "fp16" not in found["tf32"]
    assert found["fp16"][-1] == "fp16"


def test_nvenc_encodes_or_the_run_does_not_start(folder):
    output = folder / "out.mp4"
    ended = millrace(*words(SAMPLE, output, "--device", "cuda:0", "-c:v", "hevc_nvenc", "--frames", "48"))
    if ended.code == 0:
        assert len(frames_of(output)) == 48
        return
    assert ended.code == USAGE, ended
    assert all(word in ended.err for word in ("cuda:0", "NVENC", "libx265")), ended
    assert leftovers(folder) == []


def test_bench_measures_every_stage():
    ended = millrace("bench", "-i", SAMPLE, *MODEL, "--device", "cuda:0", *FAST, "--json", timeout=300)
    assert ended.code == 0, ended
    found = json.loads(ended.out)
    assert found["device"] == "cuda:0"
    assert set(found["ceilings"]) == {"decode", "to_tensor", "model", "to_picture", "encode"}
    assert {"1", "2", "4"} <= set(found["model_batches"])
    assert all(rate > 0 for rate in [*found["ceilings"].values(), *found["model_batches"].values()])


def start(film, output, *options, **variables):
    return subprocess.Popen(
        command_of(*words(film, output, "--device", "cuda:0", *FAST, *options)),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **variables},
    )  # fmt: skip


def wait_for_segments(process, output, count):
    while process.poll() is None and finished_segments(output) < count:
        time.sleep(0.002)
    assert process.poll() is None, process.stderr.read()


def test_killed_twice_and_resumed(film, uninterrupted, folder):
    output = folder / "out.mp4"
    for count in (2, 5):
        process = start(film, output)
        wait_for_segments(process, output, count)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    report = run(film, output, *FAST)
    assert report["segments"]["reused"] >= 5
    assert packet_fingerprint(output) == packet_fingerprint(uninterrupted)
    assert leftovers(folder) == ["out.mp4"]


def test_a_sticky_error_ends_the_run_and_keeps_what_is_done(film, uninterrupted, folder, tmp_path):
    output, trap = folder / "out.mp4", tmp_path / "trap"
    process = start(film, output, LD_PRELOAD=os.environ["MILLRACE_TEST_TRAP"], MILLRACE_TEST_TRAP_AFTER=str(trap))
    wait_for_segments(process, output, 2)
    trap.touch()
    _, err = process.communicate(timeout=60)
    assert process.returncode == FAILED, err
    assert "cuda:0" in err or "CUDA" in err, err
    kept = finished_segments(output)
    assert kept >= 2
    report = run(film, output, *FAST)
    assert report["segments"]["reused"] == kept
    assert packet_fingerprint(output) == packet_fingerprint(uninterrupted)


def test_two_runs_share_a_gpu(film, uninterrupted, folder):
    budget = ["--gpu-memory", "4G"]
    outputs = [folder / "a.mp4", folder / "b.mp4"]
    processes = [start(film, output, *budget) for output in outputs]
    for process in processes:
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
    for output in outputs:
        assert packet_fingerprint(output) == packet_fingerprint(uninterrupted)


def test_a_batch_that_does_not_fit_is_halved(folder):
    small = ["--batch", "32", "--gpu-memory", "900M", "--frames", "48"]
    report = run(SAMPLE, folder / "out.mp4", *FAST, *small)
    assert any(
        re.search(r"a batch of 32 does not fit .*; it runs with (16|8|4|2|1)$", line) for line in report["fallbacks"]
    )
    ended = millrace(*words(SAMPLE, folder / "strict.mp4", "--device", "cuda:0", "--strict", *FAST, *small))
    assert ended.code == REFUSED, ended


def test_a_budget_that_holds_nothing_is_named(folder):
    ended = millrace(*words(SAMPLE, folder / "out.mp4", "--device", "cuda:0", "--gpu-memory", "24M"))
    assert ended.code == FAILED, ended
    assert "--gpu-memory" in ended.err, ended
    assert leftovers(folder) == []


@pytest.mark.skipif(gpu_count() < 2, reason="this machine has one GPU")
def test_several_gpus_give_the_same_packets(film, uninterrupted, folder):
    output = folder / "two.mp4"
    report = run(film, output, *FAST, device="cuda:0,cuda:1")
    assert [gpu["device"] for gpu in report["gpus"]] == ["cuda:0", "cuda:1"]
    assert all(gpu["kernels"] > 0 for gpu in report["gpus"])
    assert packet_fingerprint(output) == packet_fingerprint(uninterrupted)


@pytest.mark.skipif(gpu_count() < 2, reason="this machine has one GPU")
def test_a_run_on_one_gpu_goes_on_with_two(film, uninterrupted, folder):
    output = folder / "out.mp4"
    process = start(film, output)
    wait_for_segments(process, output, 3)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    report = run(film, output, *FAST, device="cuda:0,cuda:1")
    assert report["segments"]["reused"] >= 3
    assert packet_fingerprint(output) == packet_fingerprint(uninterrupted)
