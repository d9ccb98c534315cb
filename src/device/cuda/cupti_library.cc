#include "device/cuda/cupti_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdint>

#include "core/error.h"

namespace millrace::device::cuda {

namespace {

template <class Function>
void find(void* handle, const char* name, Function& function) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    function = reinterpret_cast<Function>(dlsym(handle, name));
    if (function == nullptr) activity_unavailable(fmt::format("libcupti has no function {}", name));
}

void* open_library() {
    constexpr int major = CUPTI_API_VERSION / 10000;
    const std::string name = fmt::format("libcupti.so.{}", major);
    std::string first_error;
    for (const std::string& path :
         {name, "/usr/local/cuda/extras/CUPTI/lib64/" + name, "/usr/local/cuda/lib64/" + name}) {
        void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (handle != nullptr) return handle;
        if (first_error.empty()) first_error = dlerror();
    }
    activity_unavailable(
        fmt::format("{}; install CUPTI of CUDA {}, or put its folder into LD_LIBRARY_PATH", first_error, major));
}

}  // namespace

void CuptiLibrary::check(CUptiResult result, const char* api) const {
    if (result == CUPTI_SUCCESS) return;
    const char* text = nullptr;
    result_string(result, &text);
    activity_unavailable(
        fmt::format("{} failed: {} ({})", api, text == nullptr ? "unknown" : text, static_cast<int>(result)));
}

const CuptiLibrary& cupti_library() {
    static const CuptiLibrary instance = [] {
        void* handle = open_library();
        CuptiLibrary found;
        find(handle, "cuptiGetVersion", found.version);
        find(handle, "cuptiGetTimestamp", found.timestamp);
        find(handle, "cuptiGetResultString", found.result_string);
        find(handle, "cuptiSubscribe", found.subscribe);
        find(handle, "cuptiUnsubscribe", found.unsubscribe);
        find(handle, "cuptiGetCallbackName", found.callback_name);
        find(handle, "cuptiEnableCallback", found.enable_callback);
        find(handle, "cuptiActivityRegisterCallbacks", found.register_callbacks);
        find(handle, "cuptiActivityEnable", found.enable);
        find(handle, "cuptiActivityDisable", found.disable);
        find(handle, "cuptiActivityFlushAll", found.flush_all);
        find(handle, "cuptiActivityGetNextRecord", found.next_record);
        find(handle, "cuptiActivityGetNumDroppedRecords", found.dropped_records);
        std::uint32_t version = 0;
        found.check(found.version(&version), "cuptiGetVersion");
        if (version / 10000 != CUPTI_API_VERSION / 10000) {
            activity_unavailable(fmt::format("libcupti has version {}, expected {}", version, CUPTI_API_VERSION));
        }
        return found;
    }();
    return instance;
}

void activity_unavailable(const std::string& why) {
    throw core::Error(core::ErrorCode::failed, "GPU activity is not measured: " + why);
}

}  // namespace millrace::device::cuda
