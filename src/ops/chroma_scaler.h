#pragma once
// Chroma of one picture, scaled to another's chroma planes. Private to src/ops.

#include <vector>

#include "ops/picture_rows.h"
#include "ops/to_picture_host.h"

namespace millrace::ops {

/// Rows of the output's chroma planes, as numbers, in order from the top. Not for gray sources.
class ChromaScaler {
  public:
    ChromaScaler(const RowKernels& kernels, const BorrowedChroma& chroma);
    void row(int y, float* cb, float* cr);

  private:
    struct Pair {
        ScratchRow cb;
        ScratchRow cr;
    };
    void read(int y);
    void read_source(int y);
    void weigh(int first, ScratchRow Pair::* channel, float* out);

    const RowKernels& kernels_;
    const ChromaPlan& plan_;
    PictureRows rows_;
    std::size_t width_;
    Pair source_;
    ScratchRow green_;
    std::vector<Pair> kept_;
    std::vector<const float*> inputs_;
    std::vector<float> weights_;
    int read_ = 0;
};

}  // namespace millrace::ops
