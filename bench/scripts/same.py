"""A processor that returns its frames: what a call costs with its result."""

from millrace import processor


@processor(batch=1)
def same(batch):
    return batch
