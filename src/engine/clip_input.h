#pragma once
// What all readers of one clip share.

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "device/buffer_pool.h"
#include "device/device.h"
#include "engine/gpu_memory.h"
#include "engine/opened_input.h"
#include "media/decoder.h"
#include "media/frame_reader.h"
#include "media/surface_budget.h"
#include "millrace/job.h"
#include "pipeline/job.h"

namespace millrace::engine {

/// Opened, indexed, decided. Immutable after opening, but for the source that the first reader takes; readers must not
/// outlive it. Thread-safe.
class ClipInput {
  public:
    /// Throws Error(usage | bad_input | failed).
    ClipInput(const Job& job, const std::stop_token& stop);

    /// `stop` ends a decoder's wait for memory.
    [[nodiscard]] std::unique_ptr<media::FrameReader> open_reader(const std::stop_token& stop);

    /// The segments are cut by number of frames: what is read in order waits for its turn as pictures.
    [[nodiscard]] const pipeline::InputPlan& plan() const { return plan_; }
    [[nodiscard]] const media::PacketIndex& index() const { return *plan_.index; }
    [[nodiscard]] const media::SourceInfo& info() const { return input_.info; }
    [[nodiscard]] media::FrameRange selection() const {
        return {plan_.segments.front().range.begin, plan_.segments.back().range.end};
    }
    /// Where tensors go.
    [[nodiscard]] device::DeviceId device() const { return device_; }
    [[nodiscard]] const GpuMemory& gpu_memory() const { return gpu_memory_; }
    /// Decoded pictures are in GPU memory.
    [[nodiscard]] bool decodes_on_gpu() const { return decoded_ != nullptr; }
    [[nodiscard]] const std::vector<std::string>& fallbacks() const { return fallbacks_; }
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  private:
    void choose_segments(const Job& job);
    void choose_decoder(const Job& job);

    OpenedInput input_;
    device::DeviceId device_;
    GpuMemory gpu_memory_;
    media::DecoderOptions decoder_;
    std::unique_ptr<device::BufferPool> decoded_;  ///< null: the CPU decodes
    pipeline::InputPlan plan_;
    std::vector<std::string> fallbacks_;
    std::vector<std::string> notes_;
    std::mutex mutex_;
    std::shared_ptr<media::Source> opened_;  ///< for the first reader
};

}  // namespace millrace::engine
