"""F3: a whole run on fused layers, beside its net and its encoders alone, beside other ways."""

from figures.harness import FailureError, attempt, stages_of
from figures.speed import peer

PRESETS = ("superfast", "veryfast", "ultrafast")


def row(bench, preset, alone):
    """One run with its share of what its net and its encoders do by themselves; its frames a second."""
    words = ("-i", bench.joined(4), "-m", bench.model("sr.onnx"), "--runtime", "fused", "-an", "-preset", preset)
    report = bench.run(f"F3-{preset}", *words, "-o", bench.out / f"{preset}.mp4", *bench.limit(), timeout=400)
    fps, encode = report["fps"], stages_of(report)["encode"]["ceiling_fps"]
    least, name = min((alone, "the net alone"), (encode, "its encoders"))
    sizes = "{}x{} to {}x{}".format(*report["size_in"], *report["size_out"])
    work = f"SR net as fused layers, {sizes}, x264 {preset}, {report['frames']['muxed']} frames"
    found = f"{fps:.1f} fps, {fps / least:.3f} of {name} ({least:.1f}); encoders {encode:.1f}, net {alone:.1f}"
    bench.table.add(work, ">= 0.97 of the slower", found, fps / least >= 0.97)
    busy = report["gpus"][0]["kernel_share"] if report["gpus"] else 0.0
    judged = name == "the net alone"
    aim = ">= 99 %" if judged else ">= 99 % where the net is slower"
    bench.table.add("  time in kernels", aim, f"{100 * busy:.1f} %", busy >= 0.99 if judged else None)
    return fps


def f3(bench):
    size = (1920, 1080)
    alone = bench.infer("sr.onnx", size, 1, choice="fused")[0]["fps"]
    rates = [row(bench, preset, alone) for preset in PRESETS]
    for name, frames, aim in (("split_way", 240, 10.0), ("good_script", 900, 1.8)):
        smoke = ("--warm-up", 2) if bench.options.frames else ()
        found, why = attempt(peer, bench, name, "--frames", min(frames, bench.options.frames or frames), *smoke)
        work = f"{PRESETS[1]}: times bench/gpu/peers/{name}.py, which encodes so"
        if not found:
            raise FailureError(f"{name}: {why}")
        times = rates[1] / found["fps"]
        said = f"{times:.2f} ({rates[1]:.1f} and {found['fps']:.1f} fps); {PRESETS[0]} {rates[0] / found['fps']:.2f}"
        bench.table.add(work, f">= {aim}", said, times >= aim, peer=found)
