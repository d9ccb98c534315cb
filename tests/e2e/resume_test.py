"""An interrupted run goes on where it stopped, and its file is the one that an uninterrupted run gives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest
from tools import (
    USAGE,
    command_of,
    ffmpeg,
    finished_segments,
    journal_lines,
    leftovers,
    millrace,
    packet_fingerprint,
    pattern,
    run_job,
    x264,
)

SETTINGS = ["-preset", "ultrafast", "-crf", "30", "--segment-length", "0.5"]
KILLS = int(os.environ.get("MILLRACE_KILLS", "100"))


@pytest.fixture(scope="session")
def film(clip_folder):
    """Twelve seconds with sound, in 24 segments, open GOPs: long enough to be interrupted, small enough to be quick."""
    path = clip_folder / "film.mp4"
    if not path.exists():
        ffmpeg(
            *pattern("320x180", 12), "-f", "lavfi", "-i", "sine=duration=12", *x264("open-gop=1"), "-c:a", "aac",
            path,
        )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def uninterrupted(film, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    ended = run_job(film, folder / "out.mp4", *SETTINGS)
    assert ended.report["segments"]["total"] > 10
    return folder / "out.mp4"


def start(film, output, *options):
    return subprocess.Popen(
        command_of("run", "-i", film, "-o", output, *SETTINGS, *options),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def stop_midway(film, output, how, *options):
    """A run that has finished some segments and is then ended by a signal; its exit code and words."""
    process = start(film, output, *options)
    while process.poll() is None and journal_lines(output) < 4:
        time.sleep(0.002)
    assert process.poll() is None, process.stderr.read()
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def assert_resumes(film, output, uninterrupted, *options):
    ended = run_job(film, output, *SETTINGS, *options)
    assert packet_fingerprint(output) == packet_fingerprint(uninterrupted)
    assert output.read_bytes() == uninterrupted.read_bytes()
    assert leftovers(output.parent) == [output.name]
    return ended


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(film, uninterrupted, tmp_path, how, code):
    output = tmp_path / "out.mp4"
    ended, err = stop_midway(film, output, how)
    assert ended == code, err
    assert "same command" in err
    assert leftovers(tmp_path) == ["out.mp4.millrace"]
    resumed = assert_resumes(film, output, uninterrupted)
    assert resumed.report["segments"]["reused"] >= 3
    assert resumed.report["frames"]["muxed"] == 300
    join = next(stage for stage in resumed.report["stages"] if stage["name"] == "join")
    assert join["frames"] == 300
    assert join["workers"] == 1


def test_another_input_rate_is_another_command(clip_folder, tmp_path):
    film, output, whole = clip_folder / "film.mjpeg", tmp_path / "out.mp4", tmp_path / "whole.mp4"
    ffmpeg(*pattern("320x180", 12), "-c:v", "mjpeg", film)
    run_job(film, whole, *SETTINGS, "--input-rate", "23.976")
    stop_midway(film, output, signal.SIGINT, "--input-rate", "24000/1001")
    for options, now in (["--input-rate", "24"], "24/1"), ([], "nothing"):
        ended = millrace("run", "-i", film, "-o", output, *SETTINGS, *options)
        assert ended.code == USAGE, ended
        assert f"--input-rate was 24000/1001, now {now}" in ended.err
    resumed = run_job(film, output, *SETTINGS, "--input-rate", "23.976")
    assert resumed.report["segments"]["reused"] >= 3
    assert output.read_bytes() == whole.read_bytes()


def test_a_signal_before_the_first_segment(film, uninterrupted, tmp_path):
    output = tmp_path / "out.mp4"
    process = start(film, output)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert not output.exists()
    assert_resumes(film, output, uninterrupted)


def test_a_second_signal_ends_at_once(film, tmp_path):
    process = start(film, tmp_path / "out.mp4", "-preset", "placebo")
    while process.poll() is None and not (tmp_path / "out.mp4.millrace").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    while "once more stops at once" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not (tmp_path / "out.mp4").exists()


def test_killed_at_random_moments(film, uninterrupted, tmp_path):
    """kill -9 at KILLS random moments. After each the same command goes on; whole runs are compared and begun anew."""
    choose = random.Random(8)
    output = tmp_path / "out.mp4"
    begin = time.monotonic()
    run_job(film, output, *SETTINGS)
    length = time.monotonic() - begin
    output.unlink()
    kills = finished = 0
    while kills < KILLS:
        process = start(film, output)
        try:
            process.wait(choose.uniform(0.01, 0.6 * length))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.communicate()
        if process.returncode == 0:
            finished += 1
            assert output.read_bytes() == uninterrupted.read_bytes(), f"after {kills} kills"
            assert leftovers(tmp_path) == ["out.mp4"]
            output.unlink()
        else:
            assert process.returncode == -signal.SIGKILL
            # It appears by rename, so it is whole or absent; killed between the rename and the end it is whole.
            if output.exists():
                assert output.read_bytes() == uninterrupted.read_bytes(), f"after {kills} kills"
                output.unlink()
    assert_resumes(film, output, uninterrupted)
    assert finished > 0 or KILLS < 10


def test_killed_while_joining(film, uninterrupted, tmp_path):
    """The journal is whole, the output half written."""
    output = tmp_path / "out.mp4"
    folder = tmp_path / "out.mp4.millrace"
    stop_midway(film, output, signal.SIGKILL)
    (folder / "output.out.mp4").write_bytes(uninterrupted.read_bytes()[:5000])
    assert_resumes(film, output, uninterrupted)


def test_killed_in_the_middle_of_joining(film, uninterrupted, tmp_path):
    """Segments are joined while others are still made: killed there, the next run begins the join again."""
    output = tmp_path / "out.mp4"
    growing = tmp_path / "out.mp4.millrace" / "output.out.mp4"
    process = start(film, output, "--lanes", "1")
    while process.poll() is None and (not growing.exists() or growing.stat().st_size < 1000):
        time.sleep(0.002)
    process.kill()
    process.communicate()
    finished = finished_segments(output)
    assert 0 < finished < 24, "no segment was joined before the last was made"
    assert not output.exists()
    resumed = assert_resumes(film, output, uninterrupted, "--lanes", "2")
    assert resumed.report["segments"]["reused"] >= finished - 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_half_joined_file(film, tmp_path, how):
    output = tmp_path / "out.mp4"
    stop_midway(film, output, how)
    assert not list((tmp_path / "out.mp4.millrace").glob("output.*"))


def test_another_number_of_lanes_may_go_on(film, uninterrupted, tmp_path):
    output = tmp_path / "out.mp4"
    stop_midway(film, output, signal.SIGKILL, "--lanes", "1")
    resumed = assert_resumes(film, output, uninterrupted, "--lanes", "4", "--memory", "1G")
    assert resumed.report["segments"]["reused"] >= 3


@pytest.mark.parametrize(
    "options", [["-crf", "31"], ["--segment-length", "1"], ["--frames", "200"], ["-c:v", "libx265"]]
)
def test_another_command_is_refused(film, uninterrupted, tmp_path, options):
    output = tmp_path / "out.mp4"
    stop_midway(film, output, signal.SIGKILL)
    before = leftovers(tmp_path / "out.mp4.millrace")
    ended = millrace("run", "-i", film, "-o", output, *SETTINGS, *options)
    assert ended.code == USAGE, ended
    assert "--restart" in ended.err
    assert leftovers(tmp_path / "out.mp4.millrace") == before
    assert_resumes(film, output, uninterrupted)


def test_another_input_is_refused(film, clip, tmp_path):
    output = tmp_path / "out.mp4"
    stop_midway(film, output, signal.SIGKILL)
    ended = millrace("run", "-i", clip("cfr"), "-o", output, *SETTINGS)
    assert ended.code == USAGE, ended
    assert "--restart" in ended.err


def test_restart(film, uninterrupted, tmp_path):
    output = tmp_path / "out.mp4"
    stop_midway(film, output, signal.SIGKILL)
    ended = run_job(film, output, *SETTINGS, "-crf", "40", "--restart")
    assert ended.report["segments"]["reused"] == 0
    assert output.stat().st_size < uninterrupted.stat().st_size
    assert leftovers(tmp_path) == ["out.mp4"]


def test_two_on_one_output(film, tmp_path):
    output = tmp_path / "out.mp4"
    process = start(film, output, "-preset", "placebo")
    while process.poll() is None and journal_lines(output) < 1:
        time.sleep(0.002)
    ended = millrace("run", "-i", film, "-o", output, *SETTINGS, "-preset", "placebo")
    assert process.poll() is None, "the first ended too soon for this test"
    process.kill()
    process.communicate()
    assert ended.code == USAGE, ended
    assert "another" in ended.err


def damage_middle(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("harm", ["flipped", "cut", "gone"])
def test_a_harmed_segment_is_done_again(film, uninterrupted, tmp_path, harm):
    output = tmp_path / "out.mp4"
    stop_midway(film, output, signal.SIGKILL)
    folder = tmp_path / "out.mp4.millrace"
    segment = min(path for path in folder.glob("segment-*") if path.suffix != ".part")
    if harm == "flipped":
        damage_middle(segment)
    elif harm == "cut":
        os.truncate(segment, segment.stat().st_size // 2)
    else:
        segment.unlink()
    assert_resumes(film, output, uninterrupted)


@pytest.mark.parametrize("harm", ["torn", "flipped", "garbage", "empty", "gone"])
def test_a_harmed_journal(film, uninterrupted, tmp_path, harm):
    """Its whole lines are believed up to the first that is not; the rest is done again."""
    output = tmp_path / "out.mp4"
    stop_midway(film, output, signal.SIGKILL)
    journal = tmp_path / "out.mp4.millrace" / "journal"
    text = journal.read_bytes()
    if harm == "torn":
        journal.write_bytes(text[:-7])
    elif harm == "flipped":
        lines = text.splitlines(keepends=True)
        lines[2] = lines[2].replace(b":", b";", 1)
        journal.write_bytes(b"".join(lines))
    elif harm == "garbage":
        journal.write_bytes(text + bytes(range(256)) * 3)
    elif harm == "empty":
        journal.write_bytes(b"")
    else:
        journal.unlink()
    assert_resumes(film, output, uninterrupted)


def test_the_users_own_files_stay(film, tmp_path):
    output = tmp_path / "out.mp4"
    stop_midway(film, output, signal.SIGKILL)
    (tmp_path / "out.mp4.millrace" / "notes.txt").write_text("mine")
    run_job(film, output, *SETTINGS)
    assert (tmp_path / "out.mp4.millrace" / "notes.txt").read_text() == "mine"


def test_work_folder(film, uninterrupted, tmp_path):
    output, work = tmp_path / "out" / "out.mp4", tmp_path / "work"
    output.parent.mkdir()
    process = start(film, output, "--work-folder", work)
    while process.poll() is None and not any(work.glob("segment-000001")):
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert leftovers(output.parent) == []
    ended = run_job(film, output, *SETTINGS, "--work-folder", work)
    assert ended.report["segments"]["reused"] > 0
    assert output.read_bytes() == uninterrupted.read_bytes()
    assert not work.exists()


def test_data_runs_resume(film, models, tmp_path):
    arguments = ["-m", models / "mean_rgb.onnx", "--segment-length", "0.5"]
    run_job(film, tmp_path / "whole.jsonl", *arguments)
    output = tmp_path / "out.jsonl"
    process = subprocess.Popen(command_of("run", "-i", film, "-o", output, *arguments), stderr=subprocess.PIPE)
    while process.poll() is None and journal_lines(output) < 4:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    ended = run_job(film, output, *arguments)
    assert ended.report["segments"]["reused"] >= 3
    assert output.read_text() == (tmp_path / "whole.jsonl").read_text()


def test_an_existing_output_survives_an_interruption(film, uninterrupted, tmp_path):
    output = tmp_path / "out.mp4"
    output.write_text("the old one")
    stop_midway(film, output, signal.SIGTERM, "-y")
    assert output.read_text() == "the old one"
    assert_resumes(film, output, uninterrupted, "-y")


def test_memory_does_not_grow_with_the_file(clip_folder, tmp_path):
    """Ten times the length, the same peak of memory within 15 %; the short one is long enough for all lanes."""
    piece, short, long = (clip_folder / name for name in ("piece.mp4", "short.mp4", "long.mp4"))
    ffmpeg(*pattern("960x540", 5), *x264(), piece)
    ffmpeg("-stream_loop", "3", "-i", piece, "-c", "copy", short)
    ffmpeg("-stream_loop", "39", "-i", piece, "-c", "copy", long)
    peaks = []
    for source in (short, long):
        output = tmp_path / source.name
        ended = run_job(source, output, "-preset", "ultrafast", "--lanes", "2")
        assert ended.report["frames"]["muxed"] == (500 if source is short else 5000)
        peaks.append(ended.report["peak_memory_bytes"])
    assert peaks[1] <= peaks[0] * 1.15, f"{peaks[0] / 2**20:.0f} MiB, then {peaks[1] / 2**20:.0f} MiB"
