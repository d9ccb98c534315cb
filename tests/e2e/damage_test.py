"""Damaged streams: what is told, what is kept, and that nothing else is lost."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from tools import (
    BAD_INPUT,
    FFV1,
    REFUSED,
    ffmpeg,
    frames_of,
    hashes,
    leftovers,
    millrace,
    pattern,
    probe,
    run_job,
    x264,
)


@pytest.fixture(scope="session")
def whole(clip_folder):
    """Busy pictures, large enough for damage to be seen by a decoder."""
    path = clip_folder / "whole.mp4"
    ffmpeg(*pattern("320x180", 4), "-vf", "noise=alls=20:allf=t:all_seed=1", *x264(), path)
    return path


@pytest.fixture(scope="session")
def damaged(clip_folder, whole):
    """H.264 with four pictures overwritten in their middle, so that the decoder conceals what it can."""
    path = clip_folder / "damaged.mp4"
    data = bytearray(whole.read_bytes())
    packets = probe(whole, "-show_packets", "-select_streams", "v")["packets"]
    for packet in packets[40:44]:
        begin, size = int(packet["pos"]), int(packet["size"])
        data[begin + size // 3 : begin + size // 3 + 40] = bytes(40)
    path.write_bytes(data)
    return path


def test_on_corrupt_conceal(folder, damaged, whole):
    ended = run_job(damaged, folder / "out.mkv", *FFV1, "--segment-length", "1")
    frames = ended.report["frames"]
    assert frames["muxed"] + len(frames["missing_pts"]) == 100
    assert frames["decode_errors"] > 0
    assert any("could not be decoded whole" in line for line in ended.report["fallbacks"])
    got = {frame.time: frame.hash for frame in frames_of(folder / "out.mkv")}
    unlike = {frame.time for frame in frames_of(whole) if got.get(frame.time) != frame.hash}
    told = {pts * Fraction(1, 12800) for pts in frames["corrupt_pts"] + frames["missing_pts"]}
    assert unlike, "the damage must be seen"
    assert min(unlike) >= Fraction(36, 25), "damage before its GOP"
    assert max(unlike) < Fraction(48, 25), "damage beyond its GOP"
    assert told <= {Fraction(i, 25) for i in range(36, 48)}


def test_on_corrupt_drop(folder, damaged):
    kept = run_job(damaged, folder / "kept.mkv", *FFV1, "--decoder-threads", "1").report["frames"]
    ended = run_job(damaged, folder / "out.mkv", *FFV1, "--on-corrupt", "drop")
    frames = ended.report["frames"]
    assert frames["dropped_pts"] == kept["corrupt_pts"] != []
    assert frames["corrupt_pts"] == []
    assert frames["muxed"] == kept["muxed"] - len(kept["corrupt_pts"])
    assert len(frames_of(folder / "out.mkv")) == frames["muxed"]


def test_on_corrupt_fail(folder, damaged):
    ended = millrace("run", "-i", damaged, "-o", folder / "out.mkv", *FFV1, "--on-corrupt", "fail")
    assert ended.code == BAD_INPUT, ended
    assert "--on-corrupt" in ended.err
    assert str(damaged) in ended.err
    assert not (folder / "out.mkv").exists()


def test_damage_and_strict(folder, damaged):
    ended = millrace("run", "-i", damaged, "-o", folder / "out.mkv", *FFV1, "--strict")
    assert ended.code == REFUSED, ended
    assert not (folder / "out.mkv").exists()


@pytest.mark.parametrize("lanes", [1, 3])
def test_damage_is_the_same_at_any_number_of_lanes(folder, damaged, lanes):
    """With one thread a decoder: with several, libavcodec conceals by what the other threads have just finished."""
    options = [*FFV1, "--segment-length", "1", "--decoder-threads", "1"]
    run_job(damaged, folder / "out.mkv", *options, "--lanes", lanes)
    run_job(damaged, folder / "again.mkv", *options)
    assert hashes(frames_of(folder / "out.mkv")) == hashes(frames_of(folder / "again.mkv"))


FLIPPED = 200


def flip_bits(data: bytes, seed: int) -> bytes:
    """One to forty single bits, anywhere."""
    choose = random.Random(seed)
    flipped = bytearray(data)
    for _ in range(choose.randint(1, 40)):
        flipped[choose.randrange(len(flipped))] ^= 1 << choose.randrange(8)
    return bytes(flipped)


def test_bit_flips(tmp_path, clip_folder):
    """200 files with flipped bits: never a signal, never a hang, and whatever is lost is told."""
    sources = []
    for name, options in {
        "a.mp4": x264("open-gop=1"), "b.ts": x264(), "c.mkv": x264(), "d.avi": ["-c:v", "mpeg4", "-q:v", "5"],
        "e.webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "12"],
    }.items():  # fmt: skip
        path = tmp_path / name
        ffmpeg(*pattern("64x48", 1), *options, path)
        sources.append(path)

    def run(seed):
        source = sources[seed % len(sources)]
        folder = tmp_path / f"{seed:03}"
        folder.mkdir()
        flipped = folder / f"in{source.suffix}"
        flipped.write_bytes(flip_bits(source.read_bytes(), seed))
        output, report = folder / "out" / "out.mkv", folder / "report.json"
        output.parent.mkdir()
        try:
            ended = millrace("run", "-i", flipped, "-o", output, *FFV1, "-v", "error", "--report", report, timeout=30)
        except subprocess.TimeoutExpired:
            return f"seed {seed} ({source.name}): hangs"
        fault = judge(ended, source, output, report)
        if fault:
            return f"seed {seed} ({source.name}): {fault}"
        shutil.rmtree(folder)
        return None

    with ThreadPoolExecutor(3) as pool:
        faults = [fault for fault in pool.map(run, range(FLIPPED)) if fault]
    assert not faults, "\n".join(faults)


def judge(ended, source, output, report):
    """What is wrong with how a run on a damaged file ended; None: nothing."""
    if ended.code not in (0, BAD_INPUT):
        return f"{ended}"
    if ended.code == BAD_INPUT:
        if not ended.err.strip():
            return "fails without a word"
        return f"leaves {leftovers(output.parent)}" if output.exists() else None
    told = json.loads(report.read_text())
    frames = told["frames"]
    muxed = int(probe(output, "-count_packets", "-show_streams")["streams"][0]["nb_read_packets"])
    if muxed != frames["muxed"] or frames["encoded"] + len(frames["dropped_pts"]) != frames["decoded"]:
        return f"counts do not add up: {muxed} in the file, {frames}"
    if frames["expected"] >= 0 and frames["decoded"] + len(frames["missing_pts"]) != frames["expected"]:
        return f"frames are lost in silence: {frames}"
    if muxed < 25 and not told["fallbacks"] and muxed < packets_in(source_of(output)):
        return f"{muxed} of 25 frames, and the report says nothing: {frames}"
    return None


def source_of(output):
    return next(output.parent.parent.glob("in.*"))


def packets_in(path):
    """How many packets FFmpeg finds. A flip may make a block look like filling, which no reader can know."""
    return int(
        probe(path, "-count_packets", "-select_streams", "v:0", "-show_streams")["streams"][0]["nb_read_packets"]
    )
