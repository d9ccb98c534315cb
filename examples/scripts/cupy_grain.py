"""CuPy and a CUDA kernel of your own, on the GPU: film grain, the same for a frame however the video is cut.

millrace run -i in.mp4 -o out.mp4 --device cuda --script cupy_grain.py --set amount=0.05
"""

import cupy
from millrace import processor

KERNEL = cupy.RawKernel(
    r"""
extern "C" __global__ void grain(const float* in, float* out, const long long* numbers, int pixels, float amount) {
    const int pixel = blockIdx.x * blockDim.x + threadIdx.x;
    if (pixel >= pixels) return;
    unsigned state = pixel * 2654435761u ^ static_cast<unsigned>(numbers[blockIdx.y]) * 2246822519u;
    state ^= state >> 16, state *= 0x7feb352du, state ^= state >> 15, state *= 0x846ca68bu, state ^= state >> 16;
    const float noise = amount * (state * 0x1p-32f - 0.5f);
    for (int channel = 0; channel < 3; ++channel) {
        const long long at = (blockIdx.y * 3LL + channel) * pixels + pixel;
        out[at] = in[at] + noise;
    }
}
""",
    "grain",
    options=("--fmad=false",),
)


@processor(batch=8)
def grain(batch, *, amount: float = 0.05):
    frames = batch.cupy()
    result, numbers = cupy.empty_like(frames), cupy.asarray(batch.indices)
    pixels = frames.shape[2] * frames.shape[3]
    # On CuPy's current stream, which is the one that the frames were taken on.
    KERNEL(((pixels + 255) // 256, len(frames)), (256,), (frames, result, numbers, pixels, cupy.float32(amount)))
    return result
