#pragma once
// Results in any order become whole frames in presentation order.

#include <cstdint>
#include <map>
#include <optional>

#include "device/buffer_pool.h"
#include "device/stream.h"
#include "infer/tiles.h"
#include "pipeline/frame.h"
#include "pipeline/job.h"

namespace millrace::pipeline {

/// Puts the frames of one segment in order, and the tiles of a frame together. Not thread-safe.
class Assembler {
  public:
    /// `plan`: null without a model. Tiles are on `device`, and so are the frames that they make.
    explicit Assembler(const ModelPlan* plan, device::DeviceId device = {});

    void add(FrameResult result);
    /// The next frame in order, when it is whole.
    [[nodiscard]] std::optional<FrameResult> next();

  private:
    struct Pending {
        FrameResult frame;
        device::Tensor whole;  ///< [1, ...], while tiles are missing
        int tiles_left = 0;
    };

    void add_tile(Pending& pending, const ModelResult& tile);
    [[nodiscard]] device::Tensor lease_frame(core::TensorDesc tile);

    const ModelPlan* plan_;
    std::optional<infer::TilePlan> tiles_;
    device::Stream stream_;
    device::BufferPool pool_;
    std::map<std::int64_t, Pending> pending_;
    std::int64_t next_ordinal_ = 0;
};

}  // namespace millrace::pipeline
