// Fused nets as gpu_tests runs them.

#include <algorithm>

#include "gpu/model_rig.h"
#include "infer/engine_runtime.h"
#include "infer/fused_models.h"
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

// Weights and what lies between layers have 11 bits of mantissa: one part in 2048, which adds up over thirty layers.
double close_enough() { return 1e-2; }

std::string runtime_library() { return test::request_for("", device::test::gpu).runtime_library; }

}  // namespace millrace::infer::fused
