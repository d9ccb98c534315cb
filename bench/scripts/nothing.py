"""A script that does nothing: what a call costs."""

from millrace import processor


@processor(batch=1)
def nothing(batch):
    return batch
