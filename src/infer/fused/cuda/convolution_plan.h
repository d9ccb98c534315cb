#pragma once
// Ways to compute a convolution at its place in a net. Private to src/infer/fused/cuda.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "infer/fused/net.h"

namespace millrace::infer::fused::cuda {

/// What a step takes besides the value that it changes: constants, which are one pixel for the whole batch, or another
/// value, of the output's size or of one pixel.
struct ConvolutionOperand {
    Value shape;  ///< with padded channels
    int batch = 1;
};

/// A convolution at its place in a net. Channels are those of the memory, with padding. Borrowed.
struct ConvolutionSite {
    int batch = 1;
    Value input;
    Value output;
    const Convolution& convolution;
    std::span<const Pointwise> pointwise;
    std::vector<ConvolutionOperand> operands;  ///< of the pointwise that have one, in their order
};

/// What a plan depends on besides the device and the versions: "3x3 s1 d1 p1,1,1,1 1x1080x1920x64>1080x1920x64 add
/// prelu".
[[nodiscard]] std::string signature(const ConvolutionSite& site);

/// Addresses of one convolution's memory on the device. `operands`: constants and values of the pointwise, in their
/// order.
struct ConvolutionMemory {
    const std::byte* input = nullptr;
    const std::byte* weights = nullptr;  ///< arranged_weights()
    std::byte* output = nullptr;
    std::vector<const std::byte*> operands;  ///< float16
    std::byte* workspace = nullptr;
};

/// One way to compute a convolution. For one thread at a time.
class ConvolutionPlan {
  public:
    virtual ~ConvolutionPlan() = default;
    [[nodiscard]] virtual std::size_t workspace_bytes() const = 0;
    /// What load_plan() finds in a StoredPlan.
    [[nodiscard]] virtual std::vector<std::uint8_t> bytes() const = 0;
    /// cuDNN's name of its engine and how it is set; of our own kernel its name.
    [[nodiscard]] virtual std::string name() const = 0;
    /// Throws Error(failed).
    virtual void enqueue(const ConvolutionMemory& memory) = 0;
};

}  // namespace millrace::infer::fused::cuda
