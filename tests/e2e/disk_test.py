"""A full disk, and a reader that leaves."""

from __future__ import annotations

import resource
import signal
import subprocess

import pytest
from tools import FAILED, FFV1, Ended, command_of, frames_of, hashes, leftovers, millrace, packets_of, run_job


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
