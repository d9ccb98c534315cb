"""What scripts/test-wheel runs in a fresh environment, with nothing but the wheel: wheel_check.py REPOSITORY."""

import importlib.metadata
import json
import re
import sys
from pathlib import Path

import millrace

# Without numpy, which `pip install millrace` does not bring.
MAKE = """
from millrace import generator

@generator(size=(64, 48), frame_rate=25, dtype="uint8", layout="nhwc")
class Make:
    def __call__(self, *, start: int = 0):
        for number in range(start, 10):
            yield memoryview(bytes([number]) * (48 * 64 * 3)).cast("B", (48, 64, 3))
"""
SAME = """
from millrace import Batch, processor

@processor(dtype="uint8", layout="nhwc", batch=4)
def same(batch: Batch) -> Batch:
    return batch
"""
SAY = """
from millrace import analyser

@analyser(batch=4)
def say(batch):
    return list(batch.indices)
"""


def main(repository):
    package = Path(millrace.__file__).parent
    assert repository not in package.parents, package
    assert (package / "py.typed").is_file()
    assert (package / "_engine.pyi").is_file()
    assert importlib.metadata.version("millrace") == millrace.__version__ == millrace.versions()["millrace"]
    check_metadata(importlib.metadata.distribution("millrace"))
    model = repository / "models/upscale2x.onnx"
    report = millrace.run(repository / "samples/bbb.mp4", "out.mkv", model=model, frames=10, preset="ultrafast")
    assert report.frames.muxed == 10
    assert report.size_out == tuple(2 * side for side in report.size_in)
    check_scripts()


def check_scripts():
    """In a process of this interpreter, which has nothing else."""
    for name, text in (("make", MAKE), ("same", SAME), ("say", SAY)):
        Path(f"{name}.py").write_text(text)
    report = millrace.run(None, "made.mkv", script=["make.py", "same.py"])
    assert (report.frames.muxed, report.size_out) == (10, (64, 48))
    assert millrace.run("made.mkv", "said.jsonl", script="say.py").frames.muxed == 10
    said = [json.loads(line)["result"] for line in Path("said.jsonl").read_text().splitlines()]
    assert said == list(range(10))


def check_metadata(wheel):
    """What pip goes by: extras and nothing else to install, the Pythons, the tag, the program."""
    said = wheel.metadata
    assert said["Name"] == "millrace"
    assert said["Requires-Python"] == ">=3.10"
    assert said.get_all("Provides-Extra") == ["cpu", "gpu"]
    required = sorted(re.sub(r"[ '\"()]", "", one) for one in said.get_all("Requires-Dist"))
    assert required == ["onnxruntime-gpu>=1.21;extra==gpu", "onnxruntime>=1.21;extra==cpu"]
    (tag,) = re.findall(r"^Tag: (\S+?)-linux", wheel.read_text("WHEEL"), re.MULTILINE)
    own = f"cp3{sys.version_info.minor}"
    assert tag == ("cp312-abi3" if sys.version_info >= (3, 12) else f"{own}-{own}"), tag
    assert "millrace = millrace.__main__:main" in wheel.read_text("entry_points.txt")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
