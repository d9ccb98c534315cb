#include "infer/fused/cuda/tile_plan.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "infer/fused/cuda/tile_kernel.h"

namespace millrace::infer::fused::cuda {
namespace {

/// Another number where the kernel gives other bits.
constexpr std::string_view mark = "millrace tiles 1";

bool is_known(const Pointwise& step) {
    using Kind = Pointwise::Kind;
    constexpr std::array known{Kind::add, Kind::multiply, Kind::prelu, Kind::clip};
    return step.value < 0 && std::ranges::find(known, step.kind) != known.end();
}

bool fits(const ConvolutionSite& site) {
    const Convolution& conv = site.convolution;
    const bool plain = !conv.transposed && conv.groups == 1 && conv.stride == Step() && conv.dilation == Step();
    return plain && std::max(conv.kernel.y, conv.kernel.x) <= most_tile_kernel &&
           site.input.channels <= most_tile_channels && site.pointwise.size() <= most_tile_steps &&
           std::ranges::all_of(site.pointwise, is_known);
}

class TilePlan final : public ConvolutionPlan {
  public:
    TilePlan(device::StreamRef stream, const ConvolutionSite& site) : stream_(stream) {
        job_.batch = site.batch;
        job_.input = site.input;
        job_.output = site.output;
        job_.kernel = site.convolution.kernel;
        job_.pads = site.convolution.pads;
        for (const Pointwise& step : site.pointwise) {
            job_.step[job_.steps++] = {step.kind, step.low, step.high, nullptr};
            has_operand_.push_back(step.has_operand());
        }
    }

    [[nodiscard]] std::size_t workspace_bytes() const override { return 0; }
    [[nodiscard]] std::vector<std::uint8_t> bytes() const override { return {mark.begin(), mark.end()}; }
    [[nodiscard]] std::string name() const override { return std::string(mark); }

    void enqueue(const ConvolutionMemory& memory) override {
        job_.pixels = memory.input;
        job_.weights = memory.weights;
        job_.result = memory.output;
        auto operand = memory.operands.begin();
        for (int i = 0; i < job_.steps; ++i) {
            if (has_operand_[static_cast<std::size_t>(i)]) job_.step[i].constants = *operand++;
        }
        convolve_tiles(stream_, job_);
    }

  private:
    device::StreamRef stream_;
    TileConvolution job_;
    std::vector<bool> has_operand_;  ///< of each step
};

}  // namespace

std::unique_ptr<ConvolutionPlan> make_tile_plan(device::StreamRef stream, const ConvolutionSite& site) {
    if (!fits(site) || !runs_tiles(stream)) return nullptr;
    return std::make_unique<TilePlan>(stream, site);
}

bool is_tile_plan(std::span<const std::uint8_t> bytes) { return std::ranges::equal(bytes, mark); }

}  // namespace millrace::infer::fused::cuda
