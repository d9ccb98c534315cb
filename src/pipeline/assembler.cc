#include "pipeline/assembler.h"

#include <utility>

#include "pipeline/model_io.h"

namespace millrace::pipeline {

Assembler::Assembler(const ModelPlan* plan, device::DeviceId device)
    : plan_(plan),
      stream_(device),
      // Bounded by the batches in flight: a frame is pending only while its other tiles are.
      pool_(device, "tiled frames", device::unbounded) {
    if (plan_ != nullptr && plan_->model.tile && plan_->model.output == infer::OutputKind::picture) {
        tiles_ = infer::plan_tiles(plan_->model, plan_->frame);
    }
}

void Assembler::add(FrameResult result) {
    const std::int64_t ordinal = result.tag.ordinal;
    if (!tiles_) {
        pending_.emplace(ordinal, Pending{std::move(result), {}, 0});
        return;
    }
    const ModelResult tile = std::get<ModelResult>(std::move(result.content));
    auto [found, first] = pending_.try_emplace(ordinal);
    if (first) {
        found->second.frame = {std::move(result.tag), ModelResult{}};
        found->second.tiles_left = static_cast<int>(tiles_->tiles.size());
    }
    add_tile(found->second, tile);
}

void Assembler::add_tile(Pending& pending, const ModelResult& tile) {
    const auto port = static_cast<std::size_t>(plan_->model.result_output);
    const device::Tensor result = tile.outputs->at(port).at(tile.slot);
    if (!pending.whole) pending.whole = lease_frame(result.desc);
    infer::scatter_tile(stream_, *tiles_, static_cast<std::size_t>(tile.tile), result, pending.whole.at(0));
    if (--pending.tiles_left > 0) return;
    std::vector<device::Tensor> outputs(port + 1);
    outputs[port] = std::move(pending.whole);
    pending.frame.content = ModelResult{0, 0, std::make_shared<const std::vector<device::Tensor>>(std::move(outputs))};
}

device::Tensor Assembler::lease_frame(core::TensorDesc tile) {
    const infer::Size size{plan_->frame.width * plan_->scale, plan_->frame.height * plan_->scale};
    tile.shape = with_size(std::move(tile.shape), plan_->model.layout, size);
    tile.shape.insert(tile.shape.begin(), 1);
    return device::lease_tensor(pool_, tile);
}

std::optional<FrameResult> Assembler::next() {
    const auto found = pending_.find(next_ordinal_);
    if (found == pending_.end() || found->second.tiles_left > 0) return std::nullopt;
    FrameResult frame = std::move(found->second.frame);
    pending_.erase(found);
    ++next_ordinal_;
    return frame;
}

}  // namespace millrace::pipeline
