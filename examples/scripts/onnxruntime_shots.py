"""ONNX Runtime in Python: does a new shot begin with this frame? Two neighbours go through the network in models/.

millrace run -i in.mp4 -o shots.jsonl --script onnxruntime_shots.py --set model=models/shot_change.onnx
"""

import onnxruntime
from millrace import Batch, analyser


@analyser(size=(64, 36), window=(1, 0), batch=16)
class Shots:
    def __init__(self, *, model: str = "models/shot_change.onnx", threshold: float = 0.5) -> None:
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.threshold = threshold

    def __call__(self, batch: Batch) -> list[dict[str, object]]:
        pairs = batch.numpy()  # [frames, 2, 3, 36, 64]: the frame before, and the frame
        (scores,) = self.session.run(None, {"input": pairs.reshape(len(pairs), 6, 36, 64)})
        return [{"cut": score > self.threshold, "score": score} for score in scores[:, 0].tolist()]
