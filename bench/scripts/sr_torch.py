"""A torch script that doubles a video's size: what bench/scripts/ratios.py compares with the net alone."""

import sr_net
import torch
from millrace import processor


@processor(dtype="float16", batch=1, scale=sr_net.SCALE)
class SuperResolution:
    def setup(self, info):
        self.net = sr_net.make(info.device)
        with torch.inference_mode():  # cuDNN looks for its fastest algorithms now
            blank = torch.zeros(1, 3, info.height, info.width, dtype=torch.half, device=info.device)
            self.net(blank.contiguous(memory_format=torch.channels_last))

    @torch.inference_mode()
    def __call__(self, batch):
        return self.net(batch.torch().contiguous(memory_format=torch.channels_last)).contiguous()
