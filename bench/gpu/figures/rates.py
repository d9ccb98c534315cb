"""G3 to G5: frames to data, short clips, batch sizes."""

import itertools

from figures.harness import FailureError, attempt, slowest, stages_of

BATCHES = {"sr.onnx": (1, 2, 4, 8, 16), "resnet50.onnx": (1, 2, 4, 8, 16, 32, 64)}


def decoders_alone(bench, path, lanes):
    rows = {row["lanes"]: row["fps"] for row in bench.nvdec(path)["lanes"]}
    if lanes not in rows:
        raise FailureError(f"nvdec_bench says nothing of {lanes} lanes")
    return rows


def g3(bench):
    path = bench.joined(40)
    model = ("-m", bench.model("resnet50.onnx"), "--batch", 64, "--runtime=cuda")
    words = ("-i", path, *model, "-o", bench.out / "lines.jsonl")
    report = bench.run("G3", *words, *bench.limit())
    fps = report["fps"]
    rows, no_decoders = attempt(decoders_alone, bench, path, 14)
    alone, no_model = attempt(bench.infer, "resnet50.onnx", (224, 224), 64)
    ceilings = {}
    if rows:
        ceilings["NVDEC alone, 14 lanes"] = rows[14]
    if alone:
        ceilings["the model alone"] = alone[0]["fps"]
    own = slowest(report)
    lower = min(ceilings.items(), key=lambda item: item[1]) if ceilings else (f"{own[0]} in this run", own[1])
    work = f"ResNet-50, batch 64, {report['frames']['muxed']} frames of one file to lines of JSON: of the lower ceiling"
    lanes = stages_of(report)["decode"]["workers"]
    found = f"{fps:.0f} fps, {fps / lower[1]:.3f} of {lower[1]:.0f} ({lower[0]}); {lanes} lanes"
    details = {"ceilings": ceilings, "nvdec": rows, "not_measured": [why for why in (no_decoders, no_model) if why]}
    bench.table.add(work, ">= 0.95", found, fps >= 0.95 * lower[1] if len(ceilings) == 2 else None, **details)
    found = f"{fps / own[1]:.3f} of {own[1]:.0f} ({own[0]})"
    bench.table.add("  of its own slowest stage's ceiling", "-", found)


def percentile(said, names, which):
    """clips_bench's value for p50 or p99, in ms, under any of these names."""
    node = next((said[name] for name in names if name in said), {})
    node = node.get("total_ms", node)
    value = node.get(f"{which}_ms", node.get(which))
    return None if value is None else float(value)


def g4(bench):
    if not bench.options.clips:
        raise FailureError("--clips was not given")
    said = bench.clips(bench.options.clips)
    kept, rebuilt = ("reused", "decoders_kept", "decoders_reused"), ("rebuilt", "decoders_rebuilt")
    again = {which: percentile(said, rebuilt, which) for which in ("p50", "p99")}
    for which, aim in (("p50", 2.5), ("p99", 5.0)):
        found = percentile(said, kept, which)
        if found is None:
            raise FailureError(f"clips_bench's JSON has no {which}: {str(said)[:300]}")
        beside = "" if again[which] is None else f"; decoders made anew {again[which]:.2f} ms"
        work = f"short clips, opening to first tensor, {which}"
        bench.table.add(
            work, f"<= {aim} ms", f"{found:.2f} ms{beside}", found <= aim, **({"said": said} if which == "p50" else {})
        )


def g5(bench):
    for model, size in (("sr.onnx", (960, 540)), ("resnet50.onnx", (224, 224))):
        rows, why = [], None
        for batch in BATCHES[model]:  # one by one: what does not fit does not hide the others
            found, why = attempt(bench.infer, model, size, batch)
            if not found:
                break
            rows += found
        if not rows:
            raise FailureError(why)
        fps = {row["batch"]: row["fps"] for row in rows}
        curve = ", ".join(f"{batch}: {rate:.0f}" for batch, rate in fps.items())
        small = [f"{a} to {b}" for a, b in itertools.pairwise(fps) if fps[b] < 1.05 * fps[a]]
        found = f"{curve} fps; under 5 % for a doubling: {', '.join(small) or 'nowhere'}"
        if why:
            found += f"; then {why}"
        bench.table.add(f"{model} alone at {size[0]}x{size[1]}, by batch", "-", found, rows=rows)
