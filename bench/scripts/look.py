"""An analyser that does next to nothing: what a call costs."""

from millrace import analyser


@analyser(batch=1)
def look(batch):
    return [None] * len(batch)
