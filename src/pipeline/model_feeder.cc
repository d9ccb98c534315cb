#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "device/copy.h"
#include "infer/tiles.h"
#include "pipeline/feeder.h"
#include "pipeline/frame_converter.h"
#include "pipeline/gpu_times.h"
#include "pipeline/model_io.h"

namespace millrace::pipeline {

namespace {

// One video frame as a tensor, waiting for its neighbours.
struct WindowFrame {
    device::Tensor tensor;
    FrameTag tag;
    FrameRole role;
};

class ModelFeeder final : public Feeder {
  public:
    ModelFeeder(const ModelPlan& plan, Batcher& batcher, Profile& profile, std::stop_token stop)
        : plan_(plan),
          batcher_(batcher),
          profile_(profile),
          stop_(std::move(stop)),
          converter_(plan.model, plan.frame, batcher.device(), plan.borders.input),
          gpu_times_(converter_.stream(), Stage::to_tensor, profile),
          // Bounded by the window: a feeder keeps before + 1 + after frames.
          frames_pool_(batcher.device(), "frame tensors", device::unbounded) {
        if (plan_.model.tile) tiles_ = infer::plan_tiles(plan_.model, plan_.frame);
    }

    void begin(std::shared_ptr<ResultSink> sink) override {
        sink_ = std::move(sink);
        frames_ = 0;
        emitted_ = 0;
        window_.clear();
    }

    core::Push push(device::Picture picture, FrameRole role) override {
        FrameTag tag{0, picture.pts, picture.duration, nullptr};
        if (role == FrameRole::own) tag.ordinal = frames_++;
        if (is_direct() && role == FrameRole::halo) return core::Push::pushed;
        picture = converter_.on_device(std::move(picture), stop_);
        if (needs_source()) tag.source = std::make_shared<const device::Picture>(picture.share());
        if (is_direct()) return feed_direct(picture, std::move(tag));

        device::Tensor tensor = device::lease_tensor(frames_pool_, converter_.output(picture.desc), stop_);
        convert(picture, tensor);
        window_.push_back({std::move(tensor), std::move(tag), role});
        return emit_while([this] { return emitted_ + after() < size(); });
    }

    core::Push end() override {
        const core::Push pushed = emit_while([this] { return emitted_ < size(); });
        sink_ = nullptr;
        if (plan_.splits_batches) batcher_.flush();
        return pushed;
    }

    [[nodiscard]] std::int64_t frames() const override { return frames_; }

  private:
    [[nodiscard]] bool needs_source() const {
        return plan_.model.color == infer::InputColor::luma && plan_.model.output == infer::OutputKind::picture;
    }
    [[nodiscard]] bool is_direct() const { return plan_.model.window.frames() == 1 && !tiles_; }
    [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(window_.size()); }
    [[nodiscard]] std::int64_t before() const { return plan_.model.window.before; }
    [[nodiscard]] std::int64_t after() const { return plan_.model.window.after; }

    /// converter_.output() was asked: it has prepared.
    void convert(const device::Picture& picture, const device::Tensor& tensor) {
        const Timed busy(profile_, Stage::to_tensor, Activity::busy);
        gpu_times_.begin(picture.timeline, tensor.timeline);
        converter_.run(picture, tensor);
        gpu_times_.end();
        profile_.count_frames(Stage::to_tensor);
    }

    std::optional<Batcher::Slot> reserve() {
        const Timed waiting(profile_, Stage::decode, Activity::wait_output);
        return batcher_.reserve(stop_);
    }

    core::Push feed_direct(const device::Picture& picture, FrameTag tag) {
        std::optional<Batcher::Slot> slot = reserve();
        if (!slot) return core::Push::cancelled;
        slot->input.desc = converter_.output(picture.desc);
        convert(picture, slot->input);
        batcher_.commit(std::move(*slot), {sink_, std::move(tag), 0});
        return core::Push::pushed;
    }

    template <class Condition>
    core::Push emit_while(Condition ready) {
        while (ready()) {
            if (window_[static_cast<std::size_t>(emitted_)].role == FrameRole::own &&
                emit(emitted_) == core::Push::cancelled) {
                return core::Push::cancelled;
            }
            ++emitted_;
            // Frames that no later frame looks at.
            while (emitted_ > before()) {
                window_.pop_front();
                --emitted_;
            }
        }
        return core::Push::pushed;
    }

    // Fill the slots of frame `center`: one, or one a tile. Neighbours beyond the file's ends are its first and last
    // frame repeated.
    core::Push emit(std::int64_t center) {
        const int tile_count = tiles_ ? static_cast<int>(tiles_->tiles.size()) : 1;
        for (int tile = 0; tile < tile_count; ++tile) {
            std::optional<Batcher::Slot> slot = reserve();
            if (!slot) return core::Push::cancelled;
            std::byte* target = slot->input.data;
            for (std::int64_t offset = -before(); offset <= after(); ++offset) {
                const std::int64_t at = std::clamp<std::int64_t>(center + offset, 0, size() - 1);
                target += gather(window_[static_cast<std::size_t>(at)].tensor, tile, slot->input.share(), target);
            }
            batcher_.commit(std::move(*slot), {sink_, window_[static_cast<std::size_t>(center)].tag, tile});
        }
        return core::Push::pushed;
    }

    // One frame, or one tile of it, to `target` within a slot. Returns the bytes written.
    std::size_t gather(const device::Tensor& frame, int tile, device::Tensor slot, std::byte* target) {
        const Timed busy(profile_, Stage::to_tensor, Activity::busy);
        slot.data = target;
        slot.desc = frame.desc;
        gpu_times_.begin(frame.timeline, slot.timeline);
        if (tiles_) {
            slot.desc.shape = with_size(frame.desc.shape, plan_.model.layout, tiles_->tile);
            infer::gather_tile(converter_.stream(), *tiles_, static_cast<std::size_t>(tile), frame, slot);
        } else {
            device::copy(converter_.stream(), frame, slot);
        }
        gpu_times_.end();
        return slot.desc.byte_count();
    }

    const ModelPlan& plan_;
    Batcher& batcher_;
    Profile& profile_;
    std::stop_token stop_;
    FrameConverter converter_;
    GpuTimes gpu_times_;
    device::BufferPool frames_pool_;
    std::optional<infer::TilePlan> tiles_;
    std::shared_ptr<ResultSink> sink_;
    std::deque<WindowFrame> window_;
    std::int64_t emitted_ = 0;  ///< index in window_ of the next frame to emit
    std::int64_t frames_ = 0;
};

}  // namespace

std::unique_ptr<Feeder> make_model_feeder(const ModelPlan& plan, Batcher& batcher, Profile& profile,
                                          std::stop_token stop) {
    return std::make_unique<ModelFeeder>(plan, batcher, profile, std::move(stop));
}

}  // namespace millrace::pipeline
