"""JAX: darkens towards the corners. Compiled once, as every batch has the same shape.

millrace run -i in.mp4 -o out.mp4 --script jax_vignette.py --set strength=0.8
"""

import jax
import jax.numpy as jnp
from millrace import processor


@jax.jit
def darkened(frames, strength):
    rows, columns = (jnp.linspace(-1, 1, extent) for extent in frames.shape[2:])
    distance = (rows[:, None] ** 2 + columns[None, :] ** 2) / 2  # 0 in the middle, 1 in the corners
    return frames * (1 - strength * distance)


@processor(batch=8)
def vignette(batch, *, strength: float = 0.5):
    return darkened(jnp.from_dlpack(batch.tensor), strength)
