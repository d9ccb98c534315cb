"""What the end-to-end tests share: the built program, ffmpeg and ffprobe as judges, and clips made on the spot.

The program is named by MILLRACE_BIN (ctest sets it); without it the newest build below build/ is taken.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 120

FAILED, USAGE, BAD_INPUT, REFUSED = 1, 2, 3, 4
FFV1 = ["-c:v", "ffv1"]


def find_program() -> Path:
    """The program under test."""
    named = os.environ.get("MILLRACE_BIN")
    if named:
        return Path(named)
    builds = sorted(ROOT.glob("build/*/bin/millrace"), key=lambda path: path.stat().st_mtime)
    assert builds, "no build/*/bin/millrace: build first, or set MILLRACE_BIN"
    return builds[-1]


PROGRAM = find_program()


@dataclass
class Ended:
    """How a run of the program ended."""

    code: int
    out: bytes
    err: str
    report: dict = field(default_factory=dict)

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.err}"


def command_of(*arguments) -> list[str]:
    return [str(PROGRAM), *map(str, arguments)]


def millrace(*arguments, stdin=None, cwd=None, timeout=TIMEOUT, env=None, before=()) -> Ended:
    """Run the program to its end, whatever that is. `before`: the words of a command that starts it."""
    done = subprocess.run(
        [*before, *command_of(*arguments)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        cwd=cwd,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )
    return Ended(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def run_job(source, output, *options, **keywords) -> Ended:
    """`millrace run`, which must succeed; its report is read."""
    output = Path(output)
    report = output.parent / f".{output.name.replace('%', '')}.report.json"
    ended = millrace("run", "-i", source, "-o", output, "--report", report, *options, **keywords)
    assert ended.code == 0, f"{' '.join(map(str, options))}: {ended}"
    ended.report = json.loads(report.read_text())
    report.unlink()
    return ended


def refused(source, folder, code, *words, options=(), output="out.mp4") -> Ended:
    """The run ends with `code`, its message holds every word, and it leaves nothing behind."""
    ended = millrace("run", "-i", source, "-o", folder / output, *options, timeout=60)
    assert ended.code == code, ended
    for word in words:
        assert str(word).lower() in ended.err.lower(), f"'{word}' is not in: {ended.err}"
    assert leftovers(folder) == []
    return ended


def ffmpeg(*arguments, stdin=None) -> bytes:
    """FFmpeg's own program, the judge and the maker of clips."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], input=stdin, capture_output=True
    )
    assert done.returncode == 0, f"ffmpeg {' '.join(map(str, arguments))}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def probe(path, *arguments) -> dict:
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", *map(str, arguments), str(path)], capture_output=True, check=True
    )
    return json.loads(done.stdout)


def streams(path) -> list[dict]:
    return probe(path, "-show_streams")["streams"]


@dataclass(frozen=True)
class Frame:
    """One frame as FFmpeg sees it: time in seconds, exactly, and the hash of its samples."""

    time: Fraction
    duration: Fraction
    hash: str


def read_hashes(text: str) -> dict[int, list[Frame]]:
    """The lines of FFmpeg's framemd5 and framehash muxers, by stream."""
    bases: dict[int, Fraction] = {}
    frames: dict[int, list[Frame]] = {}
    for line in text.splitlines():
        if line.startswith("#tb "):
            number, base = line[4:].split(": ")
            bases[int(number)] = Fraction(base)
            frames[int(number)] = []
        elif line and not line.startswith("#"):
            stream, _, pts, duration, _, digest = [part.strip() for part in line.split(",")[:6]]
            base = bases[int(stream)]
            frames[int(stream)].append(Frame(int(pts) * base, int(duration) * base, digest))
    return frames


def frames_of(path, *before, stream=0, filters=(), options=()) -> list[Frame]:
    """Every frame of a video stream, decoded by ffmpeg: nothing duplicated, dropped, turned or moved in time."""
    text = ffmpeg(
        *before, "-copyts", "-noautorotate", "-i", path, "-map", f"0:v:{stream}", *filters, *options,
        "-vsync", "passthrough", "-enc_time_base", "-1", "-f", "framemd5", "-",
    )  # fmt: skip
    return read_hashes(text.decode())[0]


def packets_of(path, which: str) -> list[Frame]:
    """The packets of one stream (as ffmpeg's -map names it), by hash of their payload."""
    text = ffmpeg("-copyts", "-i", path, "-map", which, "-c", "copy", "-f", "framemd5", "-")
    return read_hashes(text.decode())[0]


def hashes(frames: list[Frame]) -> list[str]:
    return [frame.hash for frame in frames]


def times(frames: list[Frame]) -> list[Fraction]:
    return [frame.time for frame in frames]


def packet_fingerprint(path) -> str:
    """All packets of all streams with their times, as one text: equal for files identical in packets."""
    return ffmpeg("-copyts", "-i", path, "-map", "0", "-c", "copy", "-f", "framehash", "-").decode()


def journal_lines(output) -> int:
    journal = output.with_name(output.name + ".millrace") / "journal"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def finished_segments(output) -> int:
    """Of an unfinished run, by its journal, whose first line says what the run is."""
    return max(0, journal_lines(output) - 1)


def wait_until_signals_are_taken(process) -> None:
    """They are held back then for the thread of a run that takes them."""
    held_back = 0
    while not held_back >> (signal.SIGTERM - 1) & 1:
        assert process.poll() is None
        time.sleep(0.01)
        held_back = int(re.search(r"SigBlk:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())[1], 16)


def leftovers(folder) -> list[str]:
    """What lies in a folder, by name."""
    return sorted(entry.name for entry in Path(folder).iterdir())


def pattern(size="96x64", seconds=4, rate=25) -> list[str]:
    """ffmpeg's input options for a picture that changes with every frame."""
    return ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]


def x264(extra="", gop=12, bframes=2) -> list[str]:
    """A small, quick x264 set-up whose GOPs have one length."""
    parameters = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={bframes}:threads=2"
    return ["-c:v", "libx264", "-preset", "veryfast", "-x264-params", f"{parameters}:{extra}" if extra else parameters]
