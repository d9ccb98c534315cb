#include "ops/to_picture_cuda.h"

#include "ops/launch.cuh"
#include "ops/to_picture_pixel.h"
#include "ops/to_picture_strip.h"

namespace millrace::ops {
namespace {

using device::cuda::native;
using Total = unsigned long long;  // what atomicAdd takes

constexpr unsigned whole_warp = 0xFFFFFFFFU;
constexpr int warp_size = 32;

/// All threads of the warp take part. Almost never is there anything to add.
__device__ void add_nan(const both::NanCount& nan, Total* total) {
    if (__any_sync(whole_warp, nan.seen != 0) == 0) return;
    unsigned sum = nan.seen;
    for (int step = warp_size / 2; step > 0; step /= 2) sum += __shfl_down_sync(whole_warp, sum, step);
    const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
    if (thread % warp_size == 0) atomicAdd(total, Total{sum});
}

/// One chroma sample and its pixels, or one pixel, a thread.
template <class S, class T>
__global__ void cells(const __grid_constant__ ToPictureArgs a, int columns, int rows, Total* total) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    both::NanCount nan;
    if (x < columns && y < rows) both::put_cell<S, T>(a, x, y, nan);
    add_nan(nan, total);
}

/// Chroma that does not come from the tensor.
template <class S>
__global__ void own_chroma(const __grid_constant__ ToPictureArgs a) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    if (x < a.out.chroma_width && y < a.out.chroma_height)
        both::put_chroma<S>(a, x, y, both::own_chroma(a.chroma, x, y));
}

template <class S, class T>
__global__ void luma_strips(const __grid_constant__ ToPictureArgs a, Total* total) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * both::strip_pixels<T>;
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    both::NanCount nan;
    if (x < a.out.width && y < a.out.height) both::put_luma_strip<S, T>(a, x, y, nan);
    add_nan(nan, total);
}

/// The pixels beside a warp's two rows of strips. Thread 2 r + 1 of each four has the one behind row r, thread 2 r the
/// one before: nothing waits for memory in the middle of the work, and no thread goes its own way.
template <class T>
struct Beside {
    T elements[3];

    __device__ Beside(const ToPictureArgs& a, int warp_x, const int* rows) {
        const unsigned lane = threadIdx.x;
        const int first = rows[0];  // chosen by value: an index would put the rows into memory
        const int second = rows[1];
        const int x = (lane & 1U) == 0 ? warp_x - 1 : warp_x + warp_size * both::strip_pixels<T>;
        const int y = (lane & 2U) == 0 ? first : second;
        both::load_pixel<T>(a, both::clamp_to(x, a.out.width), both::clamp_to(y, a.out.height), elements);
    }
};

/// Chroma of the pixels beside each thread's strip in row r: the next threads', or `outside` where the warp ends.
template <int P>
__device__ void beside(int r, const both::ChromaRow<P>& row, const both::Pair& outside, both::Pair& before,
                       both::Pair& after) {
    const unsigned lane = threadIdx.x;
    const int source = 2 * r + (lane == 0 ? 0 : 1);
    const both::Pair end{__shfl_sync(whole_warp, outside.cb, source), __shfl_sync(whole_warp, outside.cr, source)};
    before = {__shfl_up_sync(whole_warp, row.cb[P - 1], 1), __shfl_up_sync(whole_warp, row.cr[P - 1], 1)};
    after = {__shfl_down_sync(whole_warp, row.cb[0], 1), __shfl_down_sync(whole_warp, row.cr[0], 1)};
    if (lane == 0) before = end;
    if (lane == warp_size - 1) after = end;
}

constexpr int block_pairs = 8;

/// Halved chroma of rows, on its way from warp to warp. By row, then by thread: words that go together lie together,
/// and banks never clash.
template <int N>
struct Kept {
    static_assert(N == 2 || N == 4);
    struct alignas(4 * N) Samples {
        float v[N];
    };
    Samples cb[block_pairs + 1][warp_size];
    Samples cr[block_pairs + 1][warp_size];

    __device__ void put(int row, const both::ChromaRow<N>& samples) {
        Samples b{};
        Samples r{};
        MILLRACE_UNROLL
        for (int i = 0; i < N; ++i) {
            b.v[i] = samples.cb[i];
            r.v[i] = samples.cr[i];
        }
        cb[row][threadIdx.x] = b;
        cr[row][threadIdx.x] = r;
    }
    __device__ void get(int row, both::ChromaRow<N>& samples) const {
        const Samples b = cb[row][threadIdx.x];
        const Samples r = cr[row][threadIdx.x];
        MILLRACE_UNROLL
        for (int i = 0; i < N; ++i) {
            samples.cb[i] = b.v[i];
            samples.cr[i] = r.v[i];
        }
    }
};

/// The chroma of a block's row pairs, a warp each; the last warp has the rows above and below the block.
template <class S, int N>
__device__ void store_halved(const ToPictureArgs& a, int x, int first_pair, const both::ChromaRow<N>* half) {
    __shared__ Kept<N> lower;  // of each pair, after that of the row above the block
    __shared__ Kept<N> upper;  // of each pair, before that of the row below the block
    const int warp = static_cast<int>(threadIdx.y);
    const bool halo = warp == block_pairs;
    // Apart, as an index that is not a constant would put the rows into memory.
    if (halo) {
        lower.put(0, half[0]);
        upper.put(block_pairs, half[1]);
    } else {
        lower.put(warp + 1, half[1]);
        upper.put(warp, half[0]);
    }
    __syncthreads();
    const int row = first_pair + warp;
    if (halo || x >= a.out.width || row >= a.out.chroma_height) return;
    both::ChromaRow<N> four[4];
    lower.get(warp, four[0]);
    four[1] = half[0];
    four[2] = half[1];
    upper.get(warp + 1, four[3]);
    both::ChromaRow<N> out;
    both::down_strip(a.out.down, four, out);
    both::store_chroma<S, N>(a, x / 2, row, out);
}

/// Row pairs of a block: a warp each. Where chroma is halved down the columns, one more warp reads the rows above and
/// below the block, and all meet in shared memory.
template <class S, class T, int W, int H>
__global__ void __launch_bounds__(warp_size*(block_pairs + H), H == 1 ? 3 : 4)
    strips(const __grid_constant__ ToPictureArgs a, Total* total) {
    constexpr int pixels = both::strip_pixels<T>;
    constexpr int samples = pixels >> W;
    const int warp = static_cast<int>(threadIdx.y);
    const int warp_x = static_cast<int>(blockIdx.x) * warp_size * pixels;
    const int column = warp_x + static_cast<int>(threadIdx.x) * pixels;
    const bool inside = column < a.out.width;
    const int x = inside ? column : a.out.width - pixels;
    const int top = static_cast<int>(blockIdx.y) * 2 * block_pairs;
    const bool halo = H == 1 && warp == block_pairs;
    const int rows[2] = {halo ? top - 1 : top + 2 * warp, halo ? top + 2 * block_pairs : top + 2 * warp + 1};
    both::RawRow raw[2];
    for (int r = 0; r < 2; ++r) both::load_elements<T>(a, x, both::clamp_to(rows[r], a.out.height), raw[r]);
    both::Pair outside;
    if constexpr (W == 1) {
        const Beside<T> pixel(a, warp_x, rows);
        outside = both::chroma_of_pixel<T>(a, pixel.elements);
    }
    both::NanCount nan;
    both::ChromaRow<samples> half[2];
    MILLRACE_UNROLL
    for (int r = 0; r < 2; ++r) {
        const bool own = !halo && inside && rows[r] < a.out.height;
        both::ChromaRow<pixels> chroma;
        both::read_row<S, T>(a, x, rows[r], raw[r], own ? both::RowUse::own : both::RowUse::chroma, nan, chroma);
        both::Pair before;
        both::Pair after;
        if constexpr (W == 1) {
            beside<pixels>(r, chroma, outside, before, after);
            // The picture may end within the warp.
            if (x + pixels >= a.out.width) after = {chroma.cb[pixels - 1], chroma.cr[pixels - 1]};
        }
        both::down_row<pixels, W>(a, chroma, before, after, half[r]);
        if constexpr (H == 0) {
            if (own) both::store_chroma<S, samples>(a, x >> W, rows[r], half[r]);
        }
    }
    if constexpr (H == 1) store_halved<S, samples>(a, column, top / 2, half);
    add_nan(nan, total);
}

struct Launch {
    device::StreamRef stream;
    const ToPictureArgs& args;
    Total* total = nullptr;
};

template <class S, class T, int W, int H>
void launch_strips(const Launch& l) {
    const dim3 block(warp_size, block_pairs + H);
    const dim3 grid(blocks_of(l.args.out.width, warp_size * both::strip_pixels<T>),
                    blocks_of(l.args.out.height, 2 * block_pairs));
    strips<S, T, W, H><<<grid, block, 0, native(l.stream)>>>(l.args, l.total);
}

template <class S, class T>
void launch_luma(const Launch& l) {
    const PictureView& out = l.args.out;
    const Shape luma = shape_of(out.width / both::strip_pixels<T>, out.height);
    luma_strips<S, T><<<luma.grid, luma.block, 0, native(l.stream)>>>(l.args, l.total);
    if (out.family != core::ColorFamily::yuv) return;
    const Shape chroma = shape_of(out.chroma_width, out.chroma_height);
    own_chroma<S><<<chroma.grid, chroma.block, 0, native(l.stream)>>>(l.args);
}

template <class S, class T>
void launch(const Launch& l, const ToPicturePlan& plan) {
    const PictureView& out = l.args.out;
    if (!takes_strips(plan, l.args)) {
        const bool yuv = out.family == core::ColorFamily::yuv;
        const int columns = yuv ? out.chroma_width : out.width;
        const int rows = yuv ? out.chroma_height : out.height;
        const Shape s = shape_of(columns, rows);
        cells<S, T><<<s.grid, s.block, 0, native(l.stream)>>>(l.args, columns, rows, l.total);
    } else if (plan.spec.channels == Channels::luma) {
        launch_luma<S, T>(l);
    } else if (out.log2_h == 1) {
        launch_strips<S, T, 1, 1>(l);
    } else if (out.log2_w == 1) {
        launch_strips<S, T, 1, 0>(l);
    } else {
        launch_strips<S, T, 0, 0>(l);
    }
}

template <class S>
void launch(const Launch& l, const ToPicturePlan& plan) {
    if (plan.spec.dtype == core::DType::float16) {
        launch<S, std::uint16_t>(l, plan);
    } else {
        launch<S, float>(l, plan);
    }
}

}  // namespace

void to_picture_cuda(device::StreamRef stream, const ToPicturePlan& plan, const ToPictureWork& work,
                     const ToPictureState& state) {
    const Launching launching(stream);
    ToPictureArgs args = to_picture_args(plan, work.tensor, work.chroma, work.picture);
    AxesOnDevice axes;
    if (args.chroma.borrowed) {
        axes = state.tables->on(stream.device);
        args.chroma.x = axes.x;
        args.chroma.y = axes.y;
    }
    const device::Tensor nan = state.nan.word(stream.device);
    device::Access access(stream, axes.block.timeline, nan.timeline);
    const Launch l{stream, args, nan.as<Total>()};
    if (plan.output.format.depth == 8) {
        launch<std::uint8_t>(l, plan);
    } else {
        launch<std::uint16_t>(l, plan);
    }
    launching.done("to_picture");
    access.done();
}

}  // namespace millrace::ops
