"""Frames that no camera saw: a hand that turns once in `seconds`, on a sky that darkens. numpy alone.

millrace run -o clock.mp4 --script numpy_clock.py --set seconds=4
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from millrace import Info, generator

WIDTH, HEIGHT, RATE = 320, 180, 25


@generator(size=(WIDTH, HEIGHT), frame_rate=RATE, dtype="uint8", layout="nhwc", frames="count")
class Clock:
    def __init__(self, *, seconds: float = 4, count: int = 100) -> None:
        self.seconds, self.count = seconds, count

    def setup(self, info: Info) -> None:
        y, x = np.mgrid[0 : info.height, 0 : info.width]
        self.x, self.y = x - info.width / 2, info.height / 2 - y

    def __call__(
        self, *, start: int = 0
    ) -> Iterator[Any]:  # after an interruption: the first frame that is not on disk yet
        for number in range(start, self.count):
            angle = 2 * np.pi * number / (self.seconds * RATE)
            along = self.x * np.sin(angle) + self.y * np.cos(angle)
            across = self.x * np.cos(angle) - self.y * np.sin(angle)
            frame = np.empty((HEIGHT, WIDTH, 3), "uint8")
            frame[:] = (40, 90, 200 - 120 * number // self.count)
            frame[(along > 0) & (along < HEIGHT * 0.45) & (abs(across) < 4)] = (255, 240, 220)
            yield frame
