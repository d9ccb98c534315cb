// Fused nets as gpu_tests runs them.

#include <algorithm>

#include "device/copy.h"
#include "gpu/model_rig.h"
#include "infer/engine_runtime.h"
#include "infer/fused/cuda/parts_runner.h"
#include "infer/fused_models.h"
#include "infer/fused_parts.h"
#include "support/temporary_folder.h"

namespace millrace::infer::fused {

Interpretation run_fused(const Net& net, const ModelRequest& request, const Elements& input) {
    const millrace::test::TemporaryFolder plans;
    ModelRequest on_gpu = request;
    on_gpu.device = device::test::gpu;
    on_gpu = with_engine(on_gpu, *load_fused(request.runtime_library), plans.path());
    const Value& size = net.values[static_cast<std::size_t>(net.inputs.front().value)];
    const auto session = test::session_of(on_gpu, {size.width, size.height});
    test::Rig rig;
    device::Tensor picture = device::lease_tensor(rig.host, session->input_descs().front());
    std::ranges::transform(input, picture.as<float>(), [](double one) { return static_cast<float>(one); });
    Interpretation found{{}, interpret(net, {input}).largest};
    const std::vector<core::TensorDesc>& descs = session->output_descs();
    const std::vector<test::Bytes> results = rig.run_all(*session, picture);
    for (std::size_t i = 0; i < descs.size(); ++i) found.outputs.push_back(test::values_of(descs[i], results[i]));
    return found;
}

/// Kernel by kernel, then captured, then as graphs.
HeldByName run_lowered(Lowered& lowered, const ModelRequest& request, const HeldByName& inputs) {
    ModelRequest on_gpu = request;
    on_gpu.device = device::test::gpu;
    (void)load_fused(request.runtime_library);
    const ModelDescription model = describe_model(on_gpu);
    const Held& input = inputs.at(model.inputs.front().name);
    const std::vector<core::TensorDesc> descs{{core::DType::float32, input.type.shape.value()}};
    const device::Stream stream(device::test::gpu);
    PlanStore plans;
    cuda::PartsRunner runner({on_gpu, model, descs, {}}, lowered.parts, stream.ref(), plans);
    test::Rig rig;
    const device::Tensor picture = device::lease_tensor(rig.host, descs.front());
    std::ranges::transform(input.elements, picture.as<float>(), [](double one) { return static_cast<float>(one); });
    std::vector<device::Tensor> from;
    from.push_back(device::copied(stream, rig.memory, picture));
    std::vector<device::Tensor> to;
    for (const core::TensorDesc& desc : runner.output_descs()) {
        to.push_back(device::lease_tensor(rig.memory, desc));
        to.back().timeline->before_write(stream);
    }
    for (int i = 0; i < 3; ++i) runner.enqueue(from, to);
    device::synchronize(stream);
    HeldByName found;
    for (std::size_t i = 0; i < to.size(); ++i) {
        const device::Tensor down = device::copied(stream, rig.host, to[i]);
        device::synchronize(stream);
        Held& held = found[model.outputs[i].name];
        held.type.element = 1;
        held.type.shape = down.desc.shape;
        held.elements = test::values_of(down.desc, {down.data, down.data + down.desc.byte_count()});
    }
    return found;
}

// Weights and what lies between layers have 11 bits of mantissa: one part in 2048, which adds up over thirty layers.
double close_enough() { return 1e-2; }

std::string runtime_library() { return test::request_for("", device::test::gpu).runtime_library; }

}  // namespace millrace::infer::fused
