"""What becomes of millrace.read when files are damaged, threads end, processes fork and people press ctrl-C."""

from __future__ import annotations

import json
import pickle
import random
import subprocess
import sys
import threading
from pathlib import Path

import millrace
import pytest
from reading import in_order, of_frame
from tools import millrace as program


def damaged(film, tmp_path):
    """A GOP in the middle overwritten."""
    path = tmp_path / "damaged.mp4"
    data = bytearray(film.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = random.Random(3).randbytes(3000)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("policy", ["conceal", "drop"])
def test_damage_is_as_in_a_run(film, tmp_path, policy):
    path, report = damaged(film, tmp_path), tmp_path / "report.json"
    ended = program(
        "run", "-i", path, "-o", tmp_path / "out.mkv", "-c:v", "ffv1", "--on-corrupt", policy, "--report", report
    )
    assert ended.code == 0, ended
    told = json.loads(report.read_text())["frames"]
    clip = millrace.read(path, on_corrupt=policy, batch=9)
    read = in_order(clip)
    losses = clip.losses
    assert len(read) == told["encoded"]
    assert losses
    assert losses.decode_errors > 0
    for what in ("corrupt_pts", "dropped_pts", "missing_pts", "reshaped", "retimed"):
        assert getattr(losses, what) == told[what], what
    gone = {*losses.dropped_pts, *losses.missing_pts}
    assert [pts for _, _, pts in read] == [pts for pts in clip.pts if pts not in gone]
    assert all(clip.pts[index] == pts for _, index, pts in read)
    for pts in gone:
        with pytest.raises(millrace.BadInputError, match=r"damaged\.mp4: frame \d+ is not there"):
            clip[clip.pts.index(pts)]
    with pytest.raises(millrace.RefusedError, match="strict"):
        list(millrace.read(path, on_corrupt=policy, strict=True))


def test_the_first_damaged_frame_is_an_error_behind_those_before_it(film, tmp_path):
    clip = millrace.read(damaged(film, tmp_path), on_corrupt="fail")
    seen: list[int] = []
    with pytest.raises(millrace.BadInputError, match=r"damaged\.mp4: the frame at pts \d+ is damaged"):
        seen.extend(index for batch in clip for index in batch.indices)
    assert seen == list(range(len(seen)))
    assert len(seen) > 50


def threads():
    return len(list(Path("/proc/self/task").iterdir()))


def test_threads_end_soon(film):
    before = threads()
    clip = millrace.read(film)
    for batch in clip:
        assert batch.indices == (0,)
        break
    assert threads() == before, "left by break"
    kept = iter(clip)
    next(kept)
    assert threads() > before
    del kept
    assert threads() == before, "collected"
    with clip:
        kept = iter(clip)
        next(kept)
    with pytest.raises(millrace.UsageError, match="is closed"):
        clip[0]
    with pytest.raises(millrace.UsageError, match="is closed"):
        list(kept)
    assert threads() == before, "closed"


def test_closing_wakes_who_waits(film):
    clip = millrace.read(film)
    waiting = iter(clip)
    clip.close()
    clip.close()
    with pytest.raises(millrace.UsageError, match=r"film\.mp4: is closed"):
        next(waiting)


def test_other_threads_run_meanwhile(film):
    """Frames by index from several threads at once are those of one."""
    clip = millrace.read(film)
    expected = in_order(clip)
    found = {}

    def work(numbers):
        for number in numbers:
            found[number] = of_frame(clip[number])

    workers = [threading.Thread(target=work, args=(range(start, 200, 40),)) for start in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 20
    assert all(expected[number] == frame for number, frame in found.items())


FORKED = """
import os, sys, millrace
clip = millrace.read(sys.argv[1], batch=4)
stream = iter(clip)
next(stream)
child = os.fork()
if child == 0:
    said = []
    for work in (lambda: clip[3], lambda: next(stream), lambda: next(iter(clip)), lambda: clip.frames([1])):
        try:
            work()
            said.append("worked")
        except millrace.UsageError as error:
            said.append(str(error))
    ok = len(millrace.read(sys.argv[1])) == 200
    del stream, clip
    print(all("a fork of it; open it again" in text for text in said), ok, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(len(next(stream)), clip[5].index)
"""


def run_python(text, *words, **keywords):
    command = [sys.executable, "-c", text, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **keywords)


def test_a_fork_opens_its_own(film):
    ended = run_python(FORKED, film)
    assert (ended.stdout, ended.stderr) == ("True True\n4 5\n", "")


def test_another_process_opens_the_file_again(film):
    clip = pickle.loads(pickle.dumps(millrace.read(film, size=(32, 18))))
    assert clip[3].numpy().shape == (3, 18, 32)


INTERRUPTED = """
import os, signal, sys, threading, millrace
clip = millrace.read(sys.argv[1])
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    while True:
        for batch in clip if sys.argv[2] == "iterate" else map(clip.__getitem__, (199, 0, 150, 20)):
            pass
except KeyboardInterrupt:
    print("interrupted", len(clip.frames([7])))
"""


@pytest.mark.parametrize("way", ["iterate", "random"])
def test_ctrl_c(film, way):
    ended = run_python(INTERRUPTED, film, way)
    assert (ended.stdout, ended.stderr) == ("interrupted 1\n", "")


def test_nothing_is_left_at_exit(film):
    text = "import sys, millrace\nclip = millrace.read(sys.argv[1])\nkept = iter(clip)\nbatch = next(kept)\nsys.exit(3)"
    ended = run_python(text, film)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", "")
