"""PyTorch: an unsharp mask. The same lines on the CPU and on a GPU.

millrace run -i in.mp4 -o out.mp4 --script torch_enhance.py --set amount=1.5
"""

import torch
from millrace import processor
from torch.nn import functional


@processor(batch=8)
class Sharpen:
    def __init__(self, *, amount: float = 1.0):
        self.amount = amount

    def setup(self, info):
        line = torch.tensor([1, 4, 6, 4, 1], device=info.device) / 16
        self.blur = torch.outer(line, line).expand(3, 1, 5, 5)

    @torch.inference_mode()
    def __call__(self, batch):
        frames = batch.torch()  # no copy
        blurred = functional.conv2d(functional.pad(frames, (2, 2, 2, 2), "replicate"), self.blur, groups=3)
        return (frames + self.amount * (frames - blurred)).clamp(0, 1)
