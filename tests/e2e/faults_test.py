"""Bad input and faults: the exit code, the message, and what is left on the disk."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from tools import (
    Ended,
    command_of,
    ffmpeg,
    frames_of,
    hashes,
    leftovers,
    millrace,
    packets_of,
    pattern,
    probe,
    run_job,
    streams,
    times,
    x264,
)

FAILED, USAGE, BAD_INPUT, REFUSED = 1, 2, 3, 4
FFV1 = ["-c:v", "ffv1"]


@pytest.fixture
def folder(tmp_path):
    """Where the output goes: nothing else is in it."""
    path = tmp_path / "out"
    path.mkdir()
    return path


def refused(source, folder, code, *words, options=(), output="out.mp4"):
    """The run ends with `code`, its message holds every word, and it leaves nothing behind."""
    ended = millrace("run", "-i", source, "-o", folder / output, *options, timeout=60)
    assert ended.code == code, ended
    for word in words:
        assert str(word).lower() in ended.err.lower(), f"'{word}' is not in: {ended.err}"
    assert leftovers(folder) == []
    return ended


# What is no video at all.


def test_no_such_file(folder, tmp_path):
    refused(tmp_path / "none.mp4", folder, BAD_INPUT, tmp_path / "none.mp4", "no such file")


def test_a_directory(folder, tmp_path):
    refused(tmp_path, folder, BAD_INPUT, tmp_path, "directory")


def test_empty_file(folder, tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    refused(empty, folder, BAD_INPUT, empty, "empty")


def test_empty_pipe(folder):
    ended = millrace("run", "-i", "-", "-o", folder / "out.mkv", stdin=b"")
    assert ended.code == BAD_INPUT, ended
    assert leftovers(folder) == []


def test_text_file(folder, tmp_path):
    text = tmp_path / "notes.mp4"
    text.write_text("This is a text, and no film.\n" * 50)
    refused(text, folder, BAD_INPUT, text)


def test_sound_only(folder, tmp_path):
    sound = tmp_path / "sound.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", sound)
    refused(sound, folder, BAD_INPUT, sound, "no video")


def test_zero_frames(folder, tmp_path, clip):
    none = tmp_path / "none.mkv"
    ffmpeg("-i", clip("cfr"), "-c", "copy", "-frames:v", "0", none)
    refused(none, folder, BAD_INPUT, none)


def test_no_frame_selected(folder, clip):
    refused(clip("cfr"), folder, USAGE, "-ss", options=["-ss", "1000"])


def test_no_such_video_stream(folder, clip):
    refused(clip("cfr"), folder, BAD_INPUT, "video stream v:1", options=["-map", "v:1"])


# Truncated.


def test_truncated_mp4_without_its_index(folder, tmp_path, clip):
    cut = tmp_path / "cut.mp4"
    data = clip("cfr").read_bytes()
    assert data.rfind(b"moov") > len(data) // 2, "this clip must have its index at its end"
    cut.write_bytes(data[: len(data) // 2])
    refused(cut, folder, BAD_INPUT, cut)


def test_truncated_mp4_with_its_index(folder, tmp_path, clip):
    """The index promises 100 frames: those that are there are kept, those that are not are listed."""
    fast, cut = tmp_path / "fast.mp4", tmp_path / "cut.mp4"
    ffmpeg("-i", clip("cfr"), "-c", "copy", "-movflags", "+faststart", fast)
    data = fast.read_bytes()
    cut.write_bytes(data[: data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2])
    ended = run_job(cut, folder / "out.mkv", *FFV1, "--segment-length", "1")
    frames = ended.report["frames"]
    good = hashes(frames_of(clip("cfr")))
    got = hashes(frames_of(folder / "out.mkv"))
    assert 30 < len(got) < 70
    assert got[:-3] == good[: len(got) - 3], "what was read whole must be exact"
    assert frames["muxed"] == len(got)
    assert len(got) + len(frames["missing_pts"]) == frames["expected"]
    assert any("of 100 packets are there" in line for line in ended.report["fallbacks"]), ended.report["fallbacks"]
    (folder / "out.mkv").unlink()
    refused(cut, folder, REFUSED, "strict", options=["--strict"])


@pytest.mark.parametrize("name", ["mpeg_ts", "vfr_mkv"])
def test_truncated_stream(folder, tmp_path, clip, name):
    """Without an index nothing is promised: what is there is what there is."""
    source = clip(name)
    cut = tmp_path / f"cut{source.suffix}"
    cut.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    run_job(cut, folder / "out.mkv", *FFV1)
    assert hashes(frames_of(folder / "out.mkv"))[:-1] == hashes(frames_of(cut))[:-1]


# Unusual pictures.


def test_one_pixel(folder, tmp_path):
    tiny = tmp_path / "tiny.mkv"
    ffmpeg(*pattern("16x16", 0.4), "-vf", "scale=1:1", "-pix_fmt", "yuv444p", *FFV1, tiny)
    run_job(tiny, folder / "out.mkv", *FFV1)
    assert hashes(frames_of(folder / "out.mkv")) == hashes(frames_of(tiny))
    run_job(tiny, folder / "x264.mkv", "-crf", "0")
    assert hashes(frames_of(folder / "x264.mkv")) == hashes(frames_of(tiny))


def test_very_wide(folder, tmp_path):
    wide = tmp_path / "wide.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=16384x16:rate=25:duration=0.2", *FFV1, wide)
    run_job(wide, folder / "out.mkv", *FFV1)
    assert hashes(frames_of(folder / "out.mkv")) == hashes(frames_of(wide))
    run_job(wide, folder / "x264.mp4", "-preset", "ultrafast", "-crf", "0")
    assert hashes(frames_of(folder / "x264.mp4")) == hashes(frames_of(wide))


@pytest.mark.parametrize("change", ["size", "pix_fmt"])
def test_change_midway(folder, tmp_path, change):
    """A stream that changes its pictures: every frame comes out, in the first one's shape, and the report says so."""
    parts = [tmp_path / "a.ts", tmp_path / "b.ts"]
    ffmpeg(*pattern("96x64", 1), "-pix_fmt", "yuv420p", *x264(), parts[0])
    size, pixels = ("64x48", "yuv420p") if change == "size" else ("96x64", "yuv422p")
    ffmpeg(*pattern(size, 1), "-pix_fmt", pixels, *x264(), "-output_ts_offset", "1", parts[1])
    changing = tmp_path / "changing.ts"
    changing.write_bytes(b"".join(part.read_bytes() for part in parts))
    ended = run_job(changing, folder / "out.mkv", *FFV1)
    got = frames_of(folder / "out.mkv")
    assert len(got) == 50
    assert hashes(got)[:25] == hashes(frames_of(parts[0]))
    assert len(set(hashes(got)[25:])) == len(set(hashes(frames_of(parts[1])))) > 20
    (stream,) = streams(folder / "out.mkv")
    assert (stream["width"], stream["height"], stream["pix_fmt"]) == (96, 64, "yuv420p")
    assert ended.report["frames"]["reshaped"] == 25
    assert any("25 frames" in line for line in ended.report["fallbacks"])
    strict = millrace("run", "-i", changing, "-o", folder / "strict.mkv", *FFV1, "--strict")
    assert strict.code == REFUSED, strict
    assert not (folder / "strict.mkv").exists()


# Odd beginnings and times.


def test_first_frames_before_any_key_frame(folder, tmp_path, clip):
    """A transport stream that is cut into midway: frames before the first key frame are as ffmpeg has them."""
    data = clip("mpeg_ts").read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(data[188 * (len(data) // 188 // 5) :])
    run_job(cut, folder / "out.mkv", *FFV1, "--segment-length", "1")
    got, want = frames_of(folder / "out.mkv"), frames_of(cut)
    whole = hashes(frames_of(clip("mpeg_ts")))
    assert 60 < len(want) < 99
    assert hashes(got) == hashes(want)
    assert hashes(got)[-60:] == whole[-60:]


def test_missing_timestamps(folder, tmp_path, clip):
    """A raw stream has no times at all; frames get those of its rate, one by one."""
    ended = run_job(clip("raw_h264"), folder / "out.mkv", *FFV1)
    got = frames_of(folder / "out.mkv")
    assert hashes(got) == hashes(frames_of(clip("raw_h264")))
    steps = {float(b - a) for a, b in zip(times(got), times(got)[1:], strict=False)}
    assert steps == {0.04}
    assert ended.report["one_segment_reason"]
    assert ended.report["frames"]["muxed"] == 100


def test_repeated_timestamps(folder, tmp_path, clip):
    """Two frames that claim one time: no frame is lost, and times only go forward."""
    odd = tmp_path / "odd.mkv"
    ffmpeg("-i", clip("no_b_frames"), "-c", "copy", "-bsf:v", r"setts=pts=floor(N/2)*80:dts=floor(N/2)*80", odd)
    run_job(odd, folder / "out.mkv", *FFV1)
    got = frames_of(folder / "out.mkv")
    assert hashes(got) == hashes(frames_of(clip("no_b_frames")))
    assert all(b > a for a, b in zip(times(got), times(got)[1:], strict=False))


# The output's place.


def test_output_exists(folder, clip):
    output = folder / "out.mp4"
    output.write_text("precious")
    ended = millrace("run", "-i", clip("cfr"), "-o", output)
    assert ended.code == USAGE, ended
    assert str(output) in ended.err
    assert "-y" in ended.err
    assert output.read_text() == "precious"
    assert leftovers(folder) == ["out.mp4"]
    run_job(clip("cfr"), output, "-y", "-preset", "ultrafast")
    assert len(frames_of(output)) == 100


def test_output_equal_to_input(folder, clip):
    source = folder / "film.mp4"
    shutil.copy(clip("cfr"), source)
    before = source.read_bytes()
    (folder / "link.mp4").symlink_to(source)
    for output in (source, folder / "link.mp4", folder / "." / "film.mp4"):
        ended = millrace("run", "-i", source, "-o", output, "-y")
        assert ended.code == USAGE, ended
        assert "same file" in ended.err
    assert source.read_bytes() == before
    assert leftovers(folder) == ["film.mp4", "link.mp4"]


def test_output_folder_missing(folder, clip):
    ended = millrace("run", "-i", clip("cfr"), "-o", folder / "none" / "out.mp4")
    assert ended.code == FAILED, ended
    assert str(folder / "none") in ended.err
    assert leftovers(folder) == []


def test_output_folder_is_a_file(folder, clip):
    ended = millrace("run", "-i", clip("cfr"), "-o", clip("vfr") / "out.mp4")
    assert ended.code in (FAILED, USAGE), ended
    assert str(clip("vfr")) in ended.err


def run_without_rights(*arguments):
    """Root may write everywhere; without its capabilities it may not."""
    command = command_of(*arguments)
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return Ended(done.returncode, b"", done.stderr)


def test_output_folder_not_writable(folder, clip):
    folder.chmod(0o555)
    ended = run_without_rights("run", "-i", clip("cfr"), "-o", folder / "out.mp4")
    assert ended.code == FAILED, ended
    assert str(folder) in ended.err
    assert "cannot be written" in ended.err
    assert leftovers(folder) == []


def test_unreadable_input(folder, tmp_path, clip):
    source = tmp_path / "in.mp4"
    shutil.copy(clip("cfr"), source)
    source.chmod(0o000)
    ended = run_without_rights("run", "-i", source, "-o", folder / "out.mp4")
    assert ended.code == BAD_INPUT, ended
    assert str(source) in ended.err
    assert "ermission" in ended.err
    assert leftovers(folder) == []


def test_an_unknown_container_and_codec(folder, clip):
    refused(clip("cfr"), folder, USAGE, "out.xyz", output="out.xyz")
    refused(clip("cfr"), folder, USAGE, "libx999", "libx264", options=["-c:v", "libx999"])
    refused(clip("cfr"), folder, USAGE, "ffv1", "mkv", options=["-c:v", "ffv1"], output="out.webm")


# The command line.


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "--no-such-option"], "--no-such-option"),
        (["run", "-crf", "many"], "many"),
        (["run", "-ss", "yesterday"], "yesterday"),
        (["run", "--lanes", "-1"], "lanes"),
        (["run", "--on-corrupt", "cry"], "cry"),
        (["run"], "-i"),
        (["walk"], "walk"),
        (["run", "-i", "a.mp4"], "-o"),
    ],
)
def test_bad_usage(tmp_path, arguments, word):
    ended = millrace(*arguments, cwd=tmp_path)
    assert ended.code == USAGE, ended
    assert word in ended.err
    assert leftovers(tmp_path) == []


def test_json_errors(folder, tmp_path):
    ended = millrace("run", "-i", tmp_path / "none.mp4", "-o", folder / "o.mp4", "--json")
    error = json.loads(ended.out)["error"]
    assert error["exit_code"] == ended.code == BAD_INPUT
    assert "none.mp4" in error["message"]


# Damage.


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


# The disk is full.


def tmpfs(folder, size):
    """A file system of `size` on `folder`, where mounting is allowed; else None."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True)
    return done.returncode == 0


@pytest.fixture
def small_disk(folder):
    """small_disk(bytes): runs the program where no more fits, by a tmpfs or, where mounting is not allowed, by a limit
    on the size of files."""
    mounted = []

    def run(size, *arguments):
        if not mounted and tmpfs(folder, size):
            mounted.append(folder)
        if mounted:
            subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
            return millrace(*arguments)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        done = subprocess.run(command_of(*arguments), capture_output=True, text=True, timeout=60, preexec_fn=limit)
        return Ended(done.returncode, b"", done.stderr)

    yield run
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


def sizes_of(clip, tmp_path):
    """Bytes of the segments and of the whole output of the job below."""
    run_job(clip("cfr"), tmp_path / "whole.mkv", *FFV1, "--segment-length", "1")
    return (tmp_path / "whole.mkv").stat().st_size


@pytest.mark.parametrize(("share", "when"), [(0.3, "journalling"), (1.5, "joining")])
def test_disk_full(folder, tmp_path, clip, small_disk, share, when):
    """Segments take as much as the output. With room for 0.3 of it segments fail, for 1.5 of it the join."""
    whole = sizes_of(clip, tmp_path)
    arguments = ["run", "-i", clip("cfr"), "-o", folder / "out.mkv", *FFV1, "--segment-length", "1"]
    ended = small_disk(int(whole * share) // 4096 * 4096, *arguments)
    assert ended.code == FAILED, ended
    assert any(words in ended.err for words in ("disk is full", "No space", "too large")), ended.err
    assert not (folder / "out.mkv").exists()
    assert leftovers(folder) == ["out.mkv.millrace"]
    # With room the same command goes on, and the result is what it would have been.
    again = small_disk(whole * 8, *arguments)
    assert again.code == 0, again
    assert leftovers(folder) == ["out.mkv"]
    assert packets_of(folder / "out.mkv", "0:v") == packets_of(tmp_path / "whole.mkv", "0:v")
    assert hashes(frames_of(folder / "out.mkv")) == hashes(frames_of(clip("cfr")))


def test_a_full_pipe_reader_that_leaves(clip):
    """`millrace run -o - | head -c 100`: an error, no signal, no hang."""
    with subprocess.Popen(
        command_of("run", "-i", clip("cfr"), "-o", "-", *FFV1), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.read(100)
        process.stdout.close()
        process.stderr.read()
        assert process.wait(60) in (1, 141)
