#pragma once
// NVIDIA's library of GPU activity, loaded when it is first asked for.

#include <cupti.h>

#include <string>

namespace millrace::device::cuda {

/// The functions of libcupti, which stays loaded once it is: it has threads of its own.
struct CuptiLibrary {
    decltype(&cuptiGetVersion) version = nullptr;
    decltype(&cuptiGetTimestamp) timestamp = nullptr;
    decltype(&cuptiGetResultString) result_string = nullptr;
    decltype(&cuptiSubscribe) subscribe = nullptr;
    decltype(&cuptiUnsubscribe) unsubscribe = nullptr;
    decltype(&cuptiGetCallbackName) callback_name = nullptr;
    decltype(&cuptiEnableCallback) enable_callback = nullptr;
    decltype(&cuptiActivityRegisterCallbacks) register_callbacks = nullptr;
    decltype(&cuptiActivityEnable) enable = nullptr;
    decltype(&cuptiActivityDisable) disable = nullptr;
    decltype(&cuptiActivityFlushAll) flush_all = nullptr;
    decltype(&cuptiActivityGetNextRecord) next_record = nullptr;
    decltype(&cuptiActivityGetNumDroppedRecords) dropped_records = nullptr;

    /// Throws Error(failed), of the function `api`, where `result` is not success.
    void check(CUptiResult result, const char* api) const;
};

/// Looked for by name and below /usr/local/cuda. Throws Error(failed) where it is missing or of another version.
[[nodiscard]] const CuptiLibrary& cupti_library();

/// Throws Error(failed) that says so, and why.
[[noreturn]] void activity_unavailable(const std::string& why);

}  // namespace millrace::device::cuda
