"""An analyser that burns processor time in Python, with the interpreter's lock held."""

import time

from millrace import analyser


@analyser(batch=1)
def burn(batch, *, milliseconds: float = 5.0):
    end = time.thread_time() + milliseconds / 1e3
    rounds = 0
    while time.thread_time() < end:
        rounds += 1
    return [{"frame": batch.indices[0]}]
