"""G7, KILL and TWO: several GPUs, an interrupted run, two runs at once; all must give the same packets."""

import signal
import subprocess
import time

from figures.harness import FailureError, check
from figures.speed import sr_words

SECONDS = 20  # of clip, for KILL and TWO


def g7(bench):
    count = len(bench.gpus())
    if count < 2:
        bench.table.add("SR net on several GPUs", ">= 1.9 on 2, 3.6 on 4", f"not run: {count} GPU here")
        return
    path, fps, packets = bench.joined(16), {}, {}  # segments enough for four
    for gpus in (1, 2, 4):
        if gpus > count:
            break
        device = ",".join(f"cuda:{index}" for index in range(gpus))
        out = bench.out / f"sr-{gpus}.mp4"
        fps[gpus] = bench.run(f"G7-{gpus}", *sr_words(bench, path, out), *bench.limit(), device=device)["fps"]
        packets[gpus] = bench.packets(out, "0:v")
        if gpus == 1:
            continue
        aim, times = {2: 1.9, 4: 3.6}[gpus], fps[gpus] / fps[1]
        found = f"{times:.2f} ({fps[gpus]:.1f} and {fps[1]:.1f} fps)"
        bench.table.add(f"SR net on {gpus} GPUs: times one", f">= {aim}", found, times >= aim)
        equal = packets[gpus] == packets[1]
        bench.table.add(f"  packets on {gpus} GPUs", "equal", "equal" if equal else "differ", equal)


def whole(bench, name="whole"):
    """Words of the run that KILL and TWO make, and its output."""
    out = bench.out / f"{name}.mp4"
    return (*sr_words(bench, bench.clip(), out), "-t", SECONDS, *bench.limit()), out


def reference(bench):
    """Packets of an uninterrupted run, made once: (hash, fps, seconds)."""
    if "whole" not in bench.reports:
        words, out = whole(bench)
        begin = time.monotonic()
        report = bench.run("whole", *words)
        bench.reports["whole"] = (bench.packets(out, "0:v", "0:a"), report["fps"], time.monotonic() - begin)
    return bench.reports["whole"]


def start(bench, *words):
    return subprocess.Popen(
        bench.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(process, timeout=200):
    try:
        _, process.stderr_text = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise FailureError(f"millrace: not done after {timeout} s") from error
    done = subprocess.CompletedProcess(process.args, process.returncode, "", process.stderr_text)
    check(done, process.args)


def segments_done(folder):
    """Lines of the journal, without its first, which says what the job is."""
    try:
        return max((folder / "journal").read_bytes().count(b"\n") - 1, 0)
    except OSError:
        return 0


def run_and_kill(bench, words, folder, more, at_latest):
    """SIGKILL once `more` segments are on disk than before, or after `at_latest` s. Returns how many are there."""
    before, end = segments_done(folder), time.monotonic() + at_latest
    process = start(bench, *words)
    while process.poll() is None and time.monotonic() < end and segments_done(folder) < before + more:
        time.sleep(0.01)
    if process.poll() is not None:
        finish(process)
        raise FailureError("the run was over before it could be killed: a longer clip is needed")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return segments_done(folder)


def kill(bench):
    expected, _, seconds = reference(bench)
    words, out = whole(bench, "killed")
    folder = out.with_name(out.name + ".millrace")
    done = [run_and_kill(bench, words, folder, more, 0.8 * seconds) for more in (1, 2)]
    report = bench.out / "killed.report.json"
    finish(start(bench, *words, "--report", report))
    segments = bench.keep("killed", report)["segments"]
    equal = bench.packets(out, "0:v", "0:a") == expected
    found = f"{'equal' if equal else 'differ'}; segments on disk at the kills: {done[0]}, {done[1]}; "
    found += f"reused {segments['reused']} of {segments['total']}"
    work = f"SR net, {SECONDS} s killed twice and run again: packets beside an uninterrupted run's"
    bench.table.add(work, "equal", found, equal and segments["reused"] > 0)


def two(bench):
    expected, fps, _ = reference(bench)
    works = [whole(bench, name) for name in ("left", "right")]
    reports = [bench.out / f"{name}.report.json" for name in ("left", "right")]
    processes = [start(bench, *words, "--report", path) for (words, _), path in zip(works, reports, strict=True)]
    problems = []
    for process in processes:
        try:
            finish(process)
        except FailureError as error:
            problems.append(str(error))
    if problems:
        raise FailureError("; ".join(problems))
    rates = [bench.keep(path.stem.split(".")[0], path)["fps"] for path in reports]
    equal = all(bench.packets(out, "0:v", "0:a") == expected for _, out in works)
    found = f"{'equal' if equal else 'differ'}; {rates[0]:.1f} and {rates[1]:.1f} fps, one alone {fps:.1f}"
    bench.table.add(f"SR net, {SECONDS} s, two runs at once on one GPU: packets", "equal", found, equal)
