"""What scripts/test-wheel runs in a fresh environment, with nothing but the wheel: wheel_check.py REPOSITORY."""

import importlib.metadata
import sys
from pathlib import Path

import millrace


def main(repository):
    package = Path(millrace.__file__).parent
    assert repository not in package.parents, package
    assert (package / "py.typed").is_file()
    assert (package / "_engine.pyi").is_file()
    assert importlib.metadata.version("millrace") == millrace.__version__ == millrace.versions()["millrace"]
    extras = importlib.metadata.metadata("millrace").get_all("Provides-Extra")
    assert extras == ["cpu", "gpu"], extras
    model = repository / "models/upscale2x.onnx"
    report = millrace.run(repository / "samples/bbb.mp4", "out.mkv", model=model, frames=10, preset="ultrafast")
    assert report.frames.muxed == 10
    assert report.size_out == tuple(2 * side for side in report.size_in)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
