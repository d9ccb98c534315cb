// Fused nets as infer_tests runs them: interpreted.

#include "infer/fused_models.h"
#include "infer/fused_parts.h"

namespace millrace::infer::fused {

Interpretation run_fused(const Net& net, const ModelRequest& /*request*/, const Elements& input) {
    return interpret(net, {input});
}

HeldByName run_lowered(Lowered& lowered, const ModelRequest& /*request*/, const HeldByName& inputs) {
    return run_parts(lowered, inputs).values;
}

double close_enough() { return 1e-5; }

std::string runtime_library() { return MILLRACE_ONNXRUNTIME_LIBRARY; }

}  // namespace millrace::infer::fused
