#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "engine/machine.h"
#include "infer/engine_runtime.h"
#include "infer/session.h"
#include "media/library.h"
#include "millrace/engine.h"

namespace millrace {

namespace {

using nlohmann::json;

json host_device() {
    return {{"name", "cpu"},
            {"description", engine::processor_text()},
            {"memory_bytes", engine::machine_memory()},
            {"usable", true}};
}

json gpu_device(const device::CudaDeviceInfo& gpu) {
    json listed{{"name", device::to_string({device::DeviceKind::cuda, gpu.index})},
                {"description", fmt::format("{}, sm_{}{}", gpu.name, gpu.sm_major, gpu.sm_minor)},
                {"memory_bytes", gpu.memory_bytes}};
    try {
        listed["usable"] = device::cuda_self_test(gpu.index);
        if (!listed["usable"]) listed["problem"] = "a kernel wrote wrong values";
    } catch (const core::Error& error) {  // the listing is what helps to find out why
        listed["usable"] = false;
        listed["problem"] = error.what();
    }
    return listed;
}

json runtime(const std::string& library) {
    try {
        const infer::RuntimeInfo info = infer::load_runtime(library);
        return {{"version", info.version}, {"path", info.path}};
    } catch (const core::Error& error) {  // the listing is what helps to find out why
        return {{"version", nullptr}, {"missing", error.what()}};
    }
}

json tensorrt(const std::string& library) {
    try {
        return {{"version", infer::load_tensorrt(library)->version()}};
    } catch (const core::Error& error) {  // as above
        return {{"version", nullptr}, {"missing", error.what()}};
    }
}

}  // namespace

std::string devices_json(const std::string& runtime_library) {
    json devices = json::array({host_device()});
    for (const device::CudaDeviceInfo& gpu : device::cuda_devices()) {
        devices.push_back(gpu_device(gpu));
    }
    const json body{{"devices", devices},
                    {"cuda", device::cuda_build_description()},
                    {"ffmpeg", media::library_version()},
                    {"onnxruntime", runtime(runtime_library)},
                    {"tensorrt", tensorrt(runtime_library)}};
    return body.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace millrace
