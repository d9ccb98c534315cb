"""An analyser that takes its frames into torch and does nothing with them: what that costs."""

from millrace import analyser


@analyser(batch=1)
def look(batch):
    batch.torch()
    return [None] * len(batch)
