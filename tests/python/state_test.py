"""Sequential scripts that save what they know: an interrupted run goes on without the frames before."""

from __future__ import annotations

import json

import pytest
from script_runs import killed, refused, run, words
from tools import BAD_INPUT, FAILED, finished_segments

# Each frame's result depends on all before it; says on standard error which frames it was handed.
TRAIL = """
import json, os, sys, time
from millrace import analyser

@analyser(batch=4, size=(16, 16), order="sequential")
class Trail:
    def setup(self, info):
        self.sum, self.seen = 0, []
    def __call__(self, batch):
        time.sleep(float(os.environ.get("WAIT", 0)))
        results = []
        for index, frame in zip(batch.indices, batch.numpy()):
            self.sum = (self.sum * 31 + round(float(frame.mean()) * 1e6) + index) % 1000003
            results.append({"sum": self.sum, "segments": sorted(set(batch.segments))})
        print("seen", *batch.indices, file=sys.stderr)
        return results
"""
SAVING = """
    def save(self):
        return str(self.sum).encode()
    def load(self, state):
        self.sum = int(state)
"""


def seen(ended):
    return [int(word) for line in ended.err.splitlines() if line.startswith("seen") for word in line.split()[1:]]


def states(output):
    return sorted(path.name for path in output.with_name(output.name + ".millrace").glob("*.state"))


@pytest.mark.parametrize("enough", [3, 6])
def test_a_killed_run_begins_where_it_was(film, script, tmp_path, enough):
    path = script(TRAIL + SAVING)
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    first = run(film, whole, path)
    assert seen(first) == list(range(200))
    killed(words(film, output, path), lambda: finished_segments(output) >= enough, WAIT="0.05")
    assert 1 <= len(states(output)) <= 4
    again = run(film, output, path)
    assert min(seen(again)) >= 12 * (enough - 1)
    assert output.read_bytes() == whole.read_bytes()
    assert not states(output)


def test_no_batch_has_frames_of_two_segments(film, script, tmp_path):
    output = tmp_path / "out.jsonl"
    run(film, output, script(TRAIL + SAVING))
    assert all(len(json.loads(line)["result"]["segments"]) == 1 for line in output.read_text().splitlines())


def test_without_save_it_sees_every_frame_again(film, script, tmp_path):
    path = script(TRAIL)
    output = tmp_path / "out.jsonl"
    killed(words(film, output, path), lambda: finished_segments(output) >= 3, WAIT="0.05")
    assert seen(run(film, output, path)) == list(range(200))


def test_a_lost_state_costs_time_only(film, script, tmp_path):
    path = script(TRAIL + SAVING)
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    run(film, whole, path)
    killed(words(film, output, path), lambda: finished_segments(output) >= 5, WAIT="0.05")
    for name in states(output):
        (tmp_path / "out.jsonl.millrace" / name).unlink()
    assert seen(run(film, output, path)) == list(range(200))
    assert output.read_bytes() == whole.read_bytes()


def test_a_processor_of_video_too(film, script, tmp_path):
    text = TRAIL.replace("analyser", "processor").replace(', size=(16, 16)', "").replace(
        'results.append({"sum": self.sum, "segments": sorted(set(batch.segments))})',
        "results.append(frame * (self.sum % 7) / 7)",
    )  # fmt: skip
    path = script(text + SAVING)
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    run(film, whole, path)
    killed(words(film, output, path), lambda: finished_segments(output) >= 6, WAIT="0.05")
    assert min(seen(run(film, output, path))) >= 12 * 3
    assert output.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def save(self): return b''", "the class S has save, of save() and load(state); write both, or neither"),
        ("def load(self, state): ...", "the class S has load, of save() and load(state); write both, or neither"),
        ("def save(self): ...\n    def load(self): ...", "S.load is called as load(self, state): too many"),
    ],
)
def test_half_of_it_is_refused(film, script, tmp_path, body, message):
    text = f"""
from millrace import analyser
@analyser(order="sequential")
class S:
    def __call__(self, batch): ...
    {body}
"""
    assert message in refused(film, tmp_path / "o.jsonl", script(text), BAD_INPUT)


def test_a_script_without_a_memory_has_nothing_to_save(film, script, tmp_path):
    said = refused(film, tmp_path / "o.jsonl", script((TRAIL + SAVING).replace('"sequential"', '"any"')), BAD_INPUT)
    assert (
        'has save and load, which only scripts with a memory of earlier frames need; declare order="sequential"' in said
    )


def test_what_is_saved_is_bytes(film, script, tmp_path):
    text = TRAIL + SAVING.replace("str(self.sum).encode()", "{'sum': 1}")
    said = refused(film, tmp_path / "o.jsonl", script(text), FAILED)
    assert "Trail.save returned: expected bytes, found dict; pickle.dumps(...) makes bytes of most things" in said


def test_what_load_raises_is_told(film, script, tmp_path):
    path = script(TRAIL + SAVING.replace("int(state)", "int(state) // int('LOADED' in os.environ)"))
    output = tmp_path / "out.jsonl"
    killed(words(film, output, path), lambda: finished_segments(output) >= 3, WAIT="0.05")
    said = refused(film, output, path, FAILED)
    assert "ZeroDivisionError" in said
    assert finished_segments(output) >= 3
