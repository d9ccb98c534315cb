"""OpenCV on the CPU: a bilateral filter takes noise away and leaves edges.

millrace run -i in.mp4 -o out.mp4 --script opencv_denoise.py --set strength=0.1 --script-workers 2
"""

from typing import Any

import cv2
from millrace import Batch, processor

cv2.setNumThreads(1)  # several processes do more than several threads in one: --script-workers


@processor(color="bgr", layout="nhwc", batch=4)
def denoise(batch: Batch, *, strength: float = 0.06, radius: int = 2) -> list[Any]:
    return [cv2.bilateralFilter(frame, 2 * radius + 1, strength, radius) for frame in batch.numpy()]
