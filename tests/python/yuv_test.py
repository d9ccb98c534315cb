"""Scripts that are handed the video's planes: those that ffmpeg decodes, to the bit, and back as they are."""

from __future__ import annotations

import hashlib
import json

import clips
import millrace
import numpy as np
import pytest
from script_runs import LOSSLESS, PYTHON, refused, run
from tools import BAD_INPUT, FAILED, ROOT, USAGE, ffmpeg, pattern, x264
from tools import millrace as program

HASHES = """
import hashlib
from millrace import analyser

@analyser(color="yuv", {arguments})
def hashes(batch):
    planes = batch.numpy()
    assert planes.flags.c_contiguous and planes.ctypes.data % 256 == 0
    said = {{"shape": planes.shape[1:], "dtype": str(planes.dtype), "format": batch.pixel_format}}
    return [{{**said, "hash": hashlib.md5(frame.tobytes()).hexdigest()}} for frame in planes]
"""
SAME = """
from millrace import processor

@processor(color="yuv", {arguments})
def work(batch):
    {body}
"""
# Of frames of 96x64: format, shape of a frame, dtype.
KINDS = {
    "cfr": ("yuv420p", [96, 96], "uint8"),
    "ten_bit": ("yuv420p10le", [96, 96], "uint16"),
    "hevc_twelve_bit": ("yuv420p12le", [96, 96], "uint16"),
    "chroma_422": ("yuv422p", [128, 96], "uint8"),
    "chroma_422_ten": ("yuv422p10le", [128, 96], "uint16"),
    "chroma_444": ("yuv444p", [3, 64, 96], "uint8"),
    "chroma_444_ten": ("yuv444p10le", [3, 64, 96], "uint16"),
    "gray": ("gray", [64, 96], "uint8"),
    "gray10le": ("gray10le", [64, 96], "uint16"),
    "full_range": ("yuv420p", [96, 96], "uint8"),
    "vfr": ("yuv420p", [96, 96], "uint8"),
    "mpeg_ts_open": ("yuv420p", [96, 96], "uint8"),
    "cropped": ("yuv420p", [81, 98], "uint8"),
    "odd_444": ("yuv444p", [3, 53, 97], "uint8"),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def clip_of(folder, name):
    """Of clips.py, or what H.264 has not: without chroma."""
    if not name.startswith("gray"):
        return clips.make(folder, name)
    path = folder / f"{name}.mkv"
    if not path.exists():
        ffmpeg(*pattern(), "-pix_fmt", name, "-c:v", "ffv1", path)
    return path


def planes_of(path, kind):
    """All frames as ffmpeg decodes them, in the order of presentation: an array a frame."""
    _, shape, dtype = kind
    stored = ffmpeg("-noautorotate", "-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-")
    return np.frombuffer(stored, dtype).reshape(-1, *shape)


def lines_of(path):
    return [json.loads(line)["result"] for line in path.read_text().splitlines()]


def md5(frame):
    return hashlib.md5(frame.tobytes()).hexdigest()


@pytest.mark.parametrize("name", KINDS)
def test_planes_are_the_decoders(folder, script, tmp_path, name):
    video = clip_of(folder, name)
    run(video, tmp_path / "o.jsonl", script(HASHES.format(arguments="batch=7")))
    found = lines_of(tmp_path / "o.jsonl")
    kind = pixels, shape, dtype = KINDS[name]
    expected = planes_of(video, kind)
    assert len(expected) == 100
    assert {(line["format"], tuple(line["shape"]), line["dtype"]) for line in found} == {(pixels, tuple(shape), dtype)}
    assert [line["hash"] for line in found] == [md5(frame) for frame in expected]


@pytest.mark.parametrize("name", KINDS)
def test_what_a_processor_gives_back_is_what_is_encoded(folder, script, tmp_path, name):
    video, made = clip_of(folder, name), tmp_path / "o.mkv"
    run(video, made, script(SAME.format(arguments="batch=7", body="return batch")), *LOSSLESS)
    assert np.array_equal(planes_of(made, KINDS[name]), planes_of(video, KINDS[name]))


def test_a_matrix_that_nothing_converts_does_not_matter(script, tmp_path):
    video, made = tmp_path / "ycgco.mp4", tmp_path / "o.mkv"
    ffmpeg(*pattern(), *x264("colormatrix=YCgCo"), video)
    pictures = SAME.replace('color="yuv", ', "").format(arguments="batch=4", body="return batch")
    assert "ycgco" in refused(video, made, script(pictures), BAD_INPUT, *LOSSLESS)
    run(video, made, script(SAME.format(arguments="batch=4", body="return batch")), *LOSSLESS)
    assert np.array_equal(planes_of(made, KINDS["cfr"]), planes_of(video, KINDS["cfr"]))


@pytest.mark.parametrize(("name", "most"), [("cfr", 255), ("ten_bit", 1023), ("chroma_444_ten", 1023)])
def test_values_stay_within_the_depth(folder, script, tmp_path, name, most):
    """What is above the largest value, which 16 bits can hold, becomes that."""
    video, made = clip_of(folder, name), tmp_path / "o.mkv"
    body = "frames = batch.numpy()\n    return (frames * 2.5).clip(0, {}).astype(frames.dtype)"
    limit = 255 if most == 255 else 65535
    run(video, made, script(SAME.format(arguments="batch=4", body=body.format(limit))), *LOSSLESS)
    planes = planes_of(video, KINDS[name])
    assert np.array_equal(planes_of(made, KINDS[name]), np.minimum((planes * 2.5).astype("int64"), most))


def test_windows_have_neighbours_and_order_is_kept(folder, script, tmp_path):
    text = """
import hashlib
from millrace import analyser

@analyser(color="yuv", batch=4, window=(1, 2), order="sequential")
class Around:
    seen = 0
    def __call__(self, batch):
        assert list(batch.indices) == list(range(self.seen, self.seen + len(batch)))
        self.seen += len(batch)
        return [[hashlib.md5(frame.tobytes()).hexdigest() for frame in frames] for frames in batch.numpy()]
"""
    video = clips.make(folder, "ten_bit")
    run(video, tmp_path / "o.jsonl", script(text))
    hashes = [md5(frame) for frame in planes_of(video, KINDS["ten_bit"])]
    around = [[hashes[min(max(i + d, 0), 99)] for d in (-1, 0, 1, 2)] for i in range(100)]
    assert lines_of(tmp_path / "o.jsonl") == around


def test_workers_lists_and_parameters(folder, script, tmp_path):
    text = """
from millrace import processor

@processor(color="yuv", batch=3)
class Darker:
    def __init__(self, *, by: int):
        self.by = by
    def setup(self, info):
        assert (info.width, info.height, info.pixel_format, info.batch) == (96, 64, "yuv420p", 3)
    def __call__(self, batch):
        return [self.one(frame) for frame in batch.numpy()]
    def one(self, frame):
        frame[:64] //= self.by
        return frame
"""
    video, made = clips.make(folder, "cfr"), tmp_path / "o.mkv"
    run(video, made, script(text), *LOSSLESS, "--set", "by=3", "--script-workers", "2")
    expected = planes_of(video, KINDS["cfr"]).copy()
    expected[:, :64] //= 3
    assert np.array_equal(planes_of(made, KINDS["cfr"]), expected)


def test_a_rate_and_a_chain(folder, script, tmp_path):
    video, made = clips.make(folder, "ten_bit"), tmp_path / "o.mkv"
    twice = script(SAME.format(arguments="batch=4, rate=2", body="return batch.numpy().repeat(2, axis=0)"), "twice.py")
    add = script(SAME.format(arguments="batch=4", body="return batch.numpy() + batch.numpy().dtype.type(3)"), "add.py")
    run(video, made, twice, "--script", add, *LOSSLESS)
    expected = np.minimum(planes_of(video, KINDS["ten_bit"]).repeat(2, axis=0) + 3, 1023)
    assert np.array_equal(planes_of(made, KINDS["ten_bit"]), expected)


@pytest.mark.parametrize("name", ["cfr", "chroma_422_ten", "chroma_444", "gray10le"])
def test_reading(folder, name):
    video = clip_of(folder, name)
    expected = planes_of(video, KINDS[name])
    with millrace.read(video, color="yuv", batch=16) as clip:
        batches = list(clip)
        assert {batch.pixel_format for batch in batches} == {KINDS[name][0]}
        assert np.array_equal(np.concatenate([batch.numpy() for batch in batches]), expected)
        assert np.array_equal(clip[37].numpy(), expected[37])
        assert np.array_equal(clip[50:10:-9].numpy(), expected[50:10:-9])
    with pytest.raises(millrace.UsageError, match=r"read\(\)'s size: yuv planes come and go as the video has them"):
        millrace.read(video, color="yuv", size=(32, 32))
    with pytest.raises(millrace.BadInputError, match="97x53 yuv420p, whose chroma planes fill no whole rows"):
        millrace.read(clips.make(folder, "odd_420"), color="yuv")


def test_script_check_hands_out_planes(script):
    path = script(SAME.format(arguments="batch=4, window=(1, 0)", body="return batch.numpy()[:, 1]"))
    ended = program("script", "check", path, "--size", "64x48", *PYTHON)
    assert ended.code == 0, ended
    assert b"takes       uint8 [4, 2, 72, 64], the planes of yuv420p" in ended.out
    assert b"gave back   uint8 [4, 72, 64], values from 0 to 255" in ended.out
    ended = program("script", "check", path, "--size", "64x47", *PYTHON)
    assert ended.code == USAGE, ended
    assert "--size 64x47: the planes are made in yuv420p; expected an even width and height" in ended.err


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("size=(64, 48)", "size=(64, 48)"),
        ("fit='crop'", "fit='crop'"),
        ("scale=2", "scale=2"),
        ("dtype='uint8'", "dtype='uint8'"),
        ("layout='nhwc'", "layout='nhwc'"),
        ("range=255", "range=255"),
    ],
)
def test_what_would_convert_is_refused(film, script, tmp_path, arguments, found):
    text = SAME.format(arguments=arguments, body="return batch")
    ended = program("script", "check", script(text), *PYTHON)
    assert ended.code == BAD_INPUT, ended
    name = found.split("=")[0]
    wanted = (
        f"script.py, line 4: @processor's {name}: yuv planes come and go as the video has them, found {found}; "
        "leave it out, or declare rgb, bgr or luma"
    )
    assert wanted in ended.err
    assert wanted in refused(film, tmp_path / "o.mkv", script(text), BAD_INPUT)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "odd_420",
            "97x53 yuv420p, whose chroma planes fill no whole rows of a tensor; expected an even width and height",
        ),
        ("odd_422", "97x53 yuv422p, whose chroma planes fill no whole rows of a tensor; expected an even width, or"),
    ],
)
def test_planes_of_odd_sizes_are_refused(folder, script, tmp_path, name, said):
    path, video = script(HASHES.format(arguments="batch=2")), clip_of(folder, name)
    assert f"{video}: {path} takes yuv planes: the video is {said}" in refused(
        video, tmp_path / "o.jsonl", path, BAD_INPUT
    )


def test_rgb_video_has_none(script, tmp_path):
    video = tmp_path / "rgb.mkv"
    ffmpeg(*pattern("96x64", 1), "-pix_fmt", "gbrp", "-c:v", "ffv1", video)
    said = refused(video, tmp_path / "o.jsonl", script(HASHES.format(arguments="batch=2")), BAD_INPUT)
    assert "takes yuv planes: the video is gbrp, which has no yuv planes; declare rgb or bgr" in said


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        (["-pix_fmt", "yuv444p"], "ffv1 would be given 96x64 yuv444p, limited range"),
        (["-pix_fmt", "yuv420p10le"], "ffv1 would be given 96x64 yuv420p10le, limited range"),
        (["-c:v", "mjpeg"], "mjpeg would be given 96x64 yuv420p, full range"),
    ],
)
def test_an_encoder_of_other_pictures_is_refused(folder, script, tmp_path, options, taken):
    path = script(SAME.format(arguments="batch=4", body="return batch"))
    said = refused(clips.make(folder, "cfr"), tmp_path / "o.mkv", path, USAGE, *LOSSLESS, *options)
    given = "which are written as they are: 96x64 yuv420p, limited range"
    assert f"{path} gives yuv planes, {given}, but {taken}; " in said


def test_a_video_that_changes_midway_is_refused(script, tmp_path):
    parts = [tmp_path / "a.ts", tmp_path / "b.ts"]
    for number, (part, size) in enumerate(zip(parts, ("96x64", "64x48"), strict=True)):
        ffmpeg(*pattern(size, 1), *x264(), "-output_ts_offset", str(number), part)
    video = tmp_path / "changing.ts"
    video.write_bytes(b"".join(part.read_bytes() for part in parts))
    said = refused(video, tmp_path / "o.jsonl", script(HASHES.format(arguments="batch=2")), BAD_INPUT)
    assert "takes yuv planes, which are 96x64 yuv420p as the video begins, and the frame at pts" in said
    assert "is 64x48 yuv420p; declare rgb, bgr or luma, for which frames are brought to one size" in said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return batch.numpy() / 2", "expected uint8 [4, 96, 96], found float64 [4, 96, 96]; convert it to uint8"),
        (
            "return batch.numpy()[:, :64]",
            "expected uint8 [4, 96, 96], found uint8 [4, 64, 96]; planes (yuv420p) come back as they were handed over",
        ),
    ],
)
def test_what_comes_back_is_planes_too(folder, script, tmp_path, body, said):
    path = script(SAME.format(arguments="batch=4", body=body))
    assert said in refused(clips.make(folder, "cfr"), tmp_path / "o.mkv", path, FAILED)


def test_a_chain_has_one_kind_of_frames(folder, script, tmp_path):
    planes = script(SAME.format(arguments="batch=4", body="return batch"), "planes.py")
    pictures = script(SAME.replace('color="yuv", ', "").format(arguments="batch=4", body="return batch"), "rgb.py")
    video = clips.make(folder, "cfr")
    said = refused(video, tmp_path / "o.mkv", planes, BAD_INPUT, "--script", pictures)
    assert "takes float32, rgb, nchw, white is 1, but work of" in said
    assert "gives yuv planes; declare the same" in said


def test_models_have_no_planes(folder, tmp_path):
    words = ["run", "-i", clip_of(folder, "cfr"), "-o", tmp_path / "o.mkv", "-m", ROOT / "models/upscale2x.onnx"]
    ended = program(*words, "--set-model", "input.color=yuv")
    assert ended.code == USAGE, ended
    assert "input.color is 'yuv', expected rgb, bgr or y" in ended.err
