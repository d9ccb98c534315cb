"""An OpenCV script on the CPU, one frame after the other."""

import cv2
import numpy as np
from millrace import processor


def denoise(frame):
    return cv2.bilateralFilter(frame, 9, 0.1, 5)


@processor(layout="nhwc", batch=4)
class Denoise:
    def __init__(self):
        cv2.setNumThreads(1)  # its rate must not hang on what else runs

    def __call__(self, batch):
        return np.stack([denoise(frame) for frame in batch.numpy()])
