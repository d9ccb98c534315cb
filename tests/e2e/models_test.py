"""Models through the whole program, against Python's onnxruntime and the colour formula in float64."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnxruntime
import pytest
from tools import (
    BAD_INPUT,
    FFV1,
    REFUSED,
    ROOT,
    USAGE,
    ffmpeg,
    frames_of,
    hashes,
    leftovers,
    millrace,
    pattern,
    run_job,
    streams,
    times,
    x264,
)

LOSSLESS = [*FFV1, "--segment-length", "1"]
BT601 = (0.299, 0.114)
BT709 = (0.2126, 0.0722)


def planes(path, frames=None, pixels="yuv444p"):
    """Every frame by ffmpeg, as uint8 [frames, 3, H, W] (yuv444p) or [frames, H, W] (gray), or a list of planes."""
    stream = streams(path)[0]
    width, height = stream["width"], stream["height"]
    limit = ["-frames:v", frames] if frames else []
    raw = np.frombuffer(
        ffmpeg("-i", path, *limit, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", pixels, "-"), np.uint8
    )
    if pixels == "yuv444p":
        return raw.reshape(-1, 3, height, width)
    assert pixels == "yuv420p"
    raw = raw.reshape(-1, width * height * 3 // 2)
    chroma = raw[:, width * height :].reshape(-1, 2, height // 2, width // 2)
    return raw[:, : width * height].reshape(-1, height, width), chroma


def to_rgb(yuv, weights=BT601):
    """Limited range to R'G'B' (H.273, 8.3), float64 [..., 3, H, W] of codes, chroma in full size."""
    kr, kb = weights
    kg = 1 - kr - kb
    y, cb, cr = (yuv[:, 0] - 16) / 219, (yuv[:, 1] - 128) / 224, (yuv[:, 2] - 128) / 224
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / kg
    return np.stack([red, green, blue], 1)


def to_yuv(rgb, weights=BT601):
    """Back to codes of 8 bits, limited range, chroma in full size."""
    kr, kb = weights
    red, green, blue = rgb[:, 0], rgb[:, 1], rgb[:, 2]
    y = kr * red + (1 - kr - kb) * green + kb * blue
    codes = [y * 219 + 16, (blue - y) / (2 * (1 - kb)) * 224 + 128, (red - y) / (2 * (1 - kr)) * 224 + 128]
    return np.rint(np.clip(np.stack(codes, 1), 0, 255))


def chroma_up(chroma):
    """4:2:0 with left siting to full size, bilinear: rows lie midway, columns on every second luma column."""
    c = chroma.astype(np.float64)
    above, below = (
        np.concatenate([c[..., :1, :], c[..., :-1, :]], -2),
        np.concatenate([c[..., 1:, :], c[..., -1:, :]], -2),
    )
    rows = np.stack([0.25 * above + 0.75 * c, 0.75 * c + 0.25 * below], -2).reshape(*c.shape[:-2], -1, c.shape[-1])
    after = np.concatenate([rows[..., 1:], rows[..., -1:]], -1)
    return np.stack([rows, (rows + after) / 2], -1).reshape(*rows.shape[:-1], -1)


def infer(model, tensor, **more):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return session.run(None, {name: tensor, **more})


def within_one(got, want):
    return np.abs(got.astype(np.int64) - want.astype(np.int64)).max() <= 1


@pytest.fixture(scope="session")
def source(clip_folder):
    """4:4:4, so that colour is converted and chroma is not resampled; 100 frames in GOPs of 12."""
    path = clip_folder / "models.mp4"
    if not path.exists():
        ffmpeg(*pattern("80x64", 4), "-pix_fmt", "yuv444p", *x264("open-gop=1"), path)
    return path


@pytest.fixture(scope="session")
def square(clip_folder):
    path = clip_folder / "square.mp4"
    if not path.exists():
        ffmpeg(*pattern("64x64", 1), "-pix_fmt", "yuv444p", *x264(), path)
    return path


# Pictures.


@pytest.mark.parametrize(
    "name", ["identity", "nhwc_identity", "fp16_identity", "bgr255_identity", "normalized_identity", "window_center",
             "static_batch4"]
)  # fmt: skip
def test_identity(source, models, tmp_path, name):
    run_job(source, tmp_path / "out.mkv", "-m", models / f"{name}.onnx", *LOSSLESS)
    got, want = planes(tmp_path / "out.mkv"), planes(source)
    assert got.shape == want.shape
    assert within_one(got, want)
    assert times(frames_of(tmp_path / "out.mkv")) == times(frames_of(source))


def test_luma_leaves_chroma_alone(clip, models, tmp_path):
    run_job(clip("cfr"), tmp_path / "out.mkv", "-m", models / "luma.onnx", *LOSSLESS)
    assert hashes(frames_of(tmp_path / "out.mkv")) == hashes(frames_of(clip("cfr")))


def test_static_size(square, source, models, tmp_path):
    run_job(square, tmp_path / "out.mkv", "-m", models / "static_size.onnx", *LOSSLESS)
    assert within_one(planes(tmp_path / "out.mkv"), planes(square))
    run_job(source, tmp_path / "other.mkv", "-m", models / "static_size.onnx", *LOSSLESS)
    stream = streams(tmp_path / "other.mkv")[0]
    assert (stream["width"], stream["height"]) == (64, 64)


def test_values_go_through_the_model(source, models, tmp_path):
    run_job(source, tmp_path / "out.mkv", "-m", models / "scale_half.onnx", *LOSSLESS)
    assert within_one(planes(tmp_path / "out.mkv"), to_yuv(to_rgb(planes(source).astype(np.float64)) * 0.5))


def test_size_is_doubled(source, models, tmp_path):
    ended = run_job(source, tmp_path / "out.mkv", "-m", models / "nearest2x.onnx", *LOSSLESS)
    assert ended.report["size_out"] == [160, 128]
    got = planes(tmp_path / "out.mkv")
    assert within_one(got, planes(source).repeat(2, -1).repeat(2, -2))


def window_mean(frames):
    """Mean of a frame and its neighbours; at the ends of the file the end itself is its neighbour."""
    before, after = np.concatenate([frames[:1], frames[:-1]]), np.concatenate([frames[1:], frames[-1:]])
    return (before + frames + after) / 3


@pytest.mark.parametrize("name", ["window3_mean", "window_rank5"])
def test_windows_reach_over_joins(source, models, tmp_path, name):
    """Every frame sees its neighbours, also where these belong to another segment."""
    made = []
    for length in ("0.5", "100"):
        output = tmp_path / f"{length}.mkv"
        ended = run_job(source, output, "-m", models / f"{name}.onnx", *FFV1, "--segment-length", length)
        made.append(hashes(frames_of(output)))
        assert (ended.report["segments"]["total"] > 3) == (length == "0.5")
    assert made[0] == made[1]
    want = to_yuv(window_mean(to_rgb(planes(source).astype(np.float64))))
    assert within_one(planes(tmp_path / "0.5.mkv"), want)


def test_recurrent_models_see_every_frame_in_order(source, models, tmp_path):
    model = models / "recurrent.onnx"
    run_job(source, tmp_path / "out.mkv", "-m", model, *FFV1, "--segment-length", "0.5", "--lanes", "4")
    rgb = to_rgb(planes(source).astype(np.float64))
    state, want = np.zeros_like(rgb[0]), []
    for frame in rgb:
        state = (state + frame) / 2
        want.append(state)
    assert within_one(planes(tmp_path / "out.mkv"), to_yuv(np.stack(want)))


def test_tiles_give_the_untiled_picture(clip_folder, models, tmp_path):
    source = clip_folder / "tiles.mp4"
    if not source.exists():
        ffmpeg(*pattern("200x150", 0.4), "-pix_fmt", "yuv444p", *x264(), source)
    run_job(source, tmp_path / "whole.mkv", "-m", models / "conv_rf.onnx", *FFV1)
    run_job(source, tmp_path / "tiled.mkv", "-m", models / "conv_rf_tiled.onnx", *FFV1)
    run_job(source, tmp_path / "option.mkv", "-m", models / "conv_rf.onnx", "--tile", "64x64+8", *FFV1)
    whole = planes(tmp_path / "whole.mkv")
    assert within_one(planes(tmp_path / "tiled.mkv"), whole)
    assert hashes(frames_of(tmp_path / "option.mkv")) == hashes(frames_of(tmp_path / "tiled.mkv"))
    rgb = to_rgb(planes(source).astype(np.float64)).astype(np.float32)
    (want,) = infer(models / "conv_rf.onnx", rgb)
    assert within_one(whole, to_yuv(want.astype(np.float64)))


@pytest.mark.parametrize("options", [["--batch", "4"], ["--lanes", "1"], ["--lanes", "4", "--model-workers", "1"]])
def test_batches_and_lanes_change_no_bit(source, models, tmp_path, options):
    reference, output = tmp_path / "reference.mkv", tmp_path / "out.mkv"
    run_job(source, reference, "-m", models / "conv_rf.onnx", *LOSSLESS)
    run_job(source, output, "-m", models / "conv_rf.onnx", *LOSSLESS, *options)
    assert hashes(frames_of(output)) == hashes(frames_of(reference))


def test_other_outputs_of_a_picture_model_do_no_harm(source, models, tmp_path):
    run_job(source, tmp_path / "out.mkv", "-m", models / "two_outputs.onnx", *LOSSLESS)
    assert within_one(planes(tmp_path / "out.mkv"), to_yuv(1 - to_rgb(planes(source).astype(np.float64))))


def test_the_upscaler_against_python(tmp_path):
    """The shipped model on the sample: 99.9 % of luma within 1 of float64 colour around Python's onnxruntime."""
    sample, output = ROOT / "samples/bbb.mp4", tmp_path / "out.mkv"
    model = ROOT / "models/upscale2x.onnx"
    run_job(sample, output, "-m", model, *FFV1, "-pix_fmt", "yuv444p", "-an", "--frames", "3")
    luma, chroma = planes(sample, 3, "yuv420p")
    full = np.concatenate([luma[:, None].astype(np.float64), chroma_up(chroma)], 1)
    (rgb,) = infer(model, to_rgb(full, BT709).astype(np.float32))
    want, got = to_yuv(rgb.astype(np.float64), BT709), planes(output).astype(np.float64)
    assert got.shape == want.shape == (3, 3, 720, 1280)
    assert (np.abs(got - want) <= 1).mean(axis=(0, 2, 3)).min() >= 0.999
    assert (np.abs(got[:, 0] - want[:, 0]) == 0).mean() > 0.9


# Data.


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_data_lines(source, models, tmp_path):
    output = tmp_path / "out.jsonl"
    ended = run_job(source, output, "-m", models / "mean_rgb.onnx", "--segment-length", "1")
    lines = read_lines(output)
    frames = frames_of(source)
    assert ended.report["segments"]["total"] > 2
    assert [line["frame"] for line in lines] == list(range(100))
    assert [line["seconds"] for line in lines] == pytest.approx([float(time) for time in times(frames)])
    ticks = [line["pts"] for line in lines]
    assert ticks == [round(float(time) * 12800) for time in times(frames)]
    want = to_rgb(planes(source).astype(np.float64)).mean(axis=(2, 3))
    assert np.abs(np.array([line["values"] for line in lines]) - want).max() < 1e-5
    assert all(line["labels"][0]["score"] == max(line["values"]) for line in lines)
    assert leftovers(tmp_path) == ["out.jsonl"]


def test_lanes_and_batches_change_no_line(source, models, tmp_path):
    texts = set()
    for i, options in enumerate((["--lanes", "1"], ["--lanes", "4"], ["--batch", "4"], ["--segment-length", "0.5"])):
        output = tmp_path / f"{i}.jsonl"
        run_job(source, output, "-m", models / "mean_rgb.onnx", *options)
        texts.add(output.read_text())
    assert len(texts) == 1


def test_classifier_resizes_and_labels(source, models, tmp_path):
    run_job(source, tmp_path / "out.jsonl", "-m", models / "classifier.onnx")
    for line in read_lines(tmp_path / "out.jsonl"):
        assert len(line["values"]) == 5
        assert sum(line["values"]) == pytest.approx(1, abs=1e-5)
        names = ["red", "green", "blue", "bright", "dark"]
        assert line["labels"][0]["label"] == names[int(np.argmax(line["values"]))]


def test_data_to_standard_output(source, models):
    ended = millrace("run", "-i", source, "-o", "-", "-m", models / "mean_rgb.onnx")
    assert ended.code == 0, ended
    assert len([json.loads(line) for line in ended.out.splitlines()]) == 100


def test_the_cut_in_the_sample_is_found(tmp_path):
    run_job(ROOT / "samples/bbb.mp4", tmp_path / "shots.jsonl", "-m", ROOT / "models/shot_change.onnx")
    lines = read_lines(tmp_path / "shots.jsonl")
    assert len(lines) == 120
    assert [line["frame"] for line in lines if line["values"][0] > 0.5] == [73]


# What is wrong with a model, or comes out of it.


def test_nan_is_counted_and_strict_refuses(source, models, tmp_path):
    ended = run_job(source, tmp_path / "out.mkv", "-m", models / "nan_maker.onnx", *LOSSLESS)
    rgb = to_rgb(planes(source).astype(np.float64))
    want = int((rgb > 0.9).sum())
    assert want > 0
    assert abs(ended.report["frames"]["nan_values"] - want) <= want // 1000
    assert any("NaN" in line for line in ended.report["fallbacks"])
    strict = millrace("run", "-i", source, "-o", tmp_path / "s.mkv", "-m", models / "nan_maker.onnx", *FFV1, "--strict")
    assert strict.code == REFUSED, strict
    assert "NaN" in strict.err
    assert not (tmp_path / "s.mkv").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("not_onnx", ["not_onnx.onnx"]),
        ("empty", ["empty.onnx"]),
        ("none", ["none.onnx", "no such file"]),
        ("unknown_op", ["unknown_op.onnx", "Mystery"]),
        ("wrong_channels", ["wrong_channels.onnx", "5"]),
        ("bad_metadata", ["bad_metadata.onnx", "sideways", "nchw"]),
    ],
)
def test_bad_models(source, models, tmp_path, name, words):
    ended = millrace("run", "-i", source, "-o", tmp_path / "out.mp4", "-m", models / f"{name}.onnx")
    # A setting is bad usage wherever it stands.
    assert ended.code == (USAGE if name == "bad_metadata" else BAD_INPUT), ended
    for word in words:
        assert word in ended.err, ended.err
    assert leftovers(tmp_path) == []


def test_bad_model_options(source, models, tmp_path):
    for options in (["--tile", "big"], ["--set-model", "input.layout=sideways"], ["--set-model", "no.such.key=1"]):
        ended = millrace("run", "-i", source, "-o", tmp_path / "o.mp4", "-m", models / "identity.onnx", *options)
        assert ended.code == USAGE, (options, str(ended))
        assert leftovers(tmp_path) == []


def test_a_data_model_needs_a_data_output(source, models, tmp_path):
    ended = millrace("run", "-i", source, "-o", tmp_path / "out.mp4", "-m", models / "mean_rgb.onnx")
    assert ended.code == USAGE, ended
    assert "jsonl" in ended.err
    assert leftovers(tmp_path) == []


def test_model_settings_beat_each_other(models, tmp_path):
    """The command line beats model.json, which beats the metadata."""
    shutil.copy(models / "bgr255_identity.onnx", tmp_path / "m.onnx")
    shown = json.loads(millrace("model", "show", tmp_path / "m.onnx", "--json").out)
    assert "metadata" in json.dumps(shown)
    (tmp_path / "model.json").write_text('{"input.color": "rgb"}')
    shown = millrace("model", "show", tmp_path / "m.onnx", "--json").out.decode()
    assert "model.json" in shown
    shown = millrace("model", "show", tmp_path / "m.onnx", "--input-color", "bgr", "--json").out.decode()
    assert "command line" in shown


def test_missing_runtime(source, models, tmp_path):
    ended = millrace(
        "run", "-i", source, "-o", tmp_path / "o.mp4", "-m", models / "identity.onnx",
        "--ort-library", tmp_path / "libonnxruntime.so",
    )  # fmt: skip
    assert ended.code in (1, USAGE), ended
    assert "libonnxruntime.so" in ended.err
    assert leftovers(tmp_path) == []


def test_trace_is_json(source, models, tmp_path):
    trace = tmp_path / "trace.json"
    run_job(source, tmp_path / "o.mkv", "-m", models / "identity.onnx", *FFV1, "--trace", trace)
    events = json.loads(trace.read_text())
    events = events["traceEvents"] if isinstance(events, dict) else events
    assert {"decode", "model", "encode"} <= {event.get("name") for event in events}


def test_the_bar_is_plain_lines_elsewhere(source, models, tmp_path):
    ended = millrace("run", "-i", source, "-o", tmp_path / "o.mkv", *FFV1)
    assert ended.code == 0
    assert "\x1b" not in ended.err
    assert "\r" not in ended.err
