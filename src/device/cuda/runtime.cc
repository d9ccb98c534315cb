#include "device/cuda/runtime.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <chrono>
#include <thread>

#include "device/cuda/check.h"

namespace millrace::device::cuda {

namespace {

/// Of the driver, which this program is not linked with; null where it is older than `version`.
void* driver_function(const char* name, unsigned version) {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
    const cudaError_t asked = cudaGetDriverEntryPointByVersion(name, &found, version, cudaEnableDefault, &result);
    return asked == cudaSuccess && result == cudaDriverEntryPointSuccess ? found : nullptr;
}

cudaEvent_t native(EventRef event) { return static_cast<cudaEvent_t>(event.native); }

}  // namespace

void* create_stream(int index) {
    const CurrentDevice current(index);
    const BesideCaptures beside;
    cudaStream_t stream = nullptr;
    // Not ordered with the default stream, which nobody here uses but libraries might.
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", index);
    return stream;
}

void destroy_stream(StreamRef stream) noexcept {
    const BesideCaptures beside;
    note(cudaStreamSynchronize(cuda::native(stream)), stream.device.index);
    note(cudaStreamDestroy(cuda::native(stream)), stream.device.index);
}

void synchronize(StreamRef stream) {
    const BesideCaptures beside;
    check(cudaStreamSynchronize(cuda::native(stream)), "cudaStreamSynchronize", stream.device.index);
}

void* create_event(int index, EventKind kind) {
    const CurrentDevice current(index);
    const BesideCaptures beside;
    cudaEvent_t event = nullptr;
    const unsigned flags = kind == EventKind::timing ? cudaEventDefault : cudaEventDisableTiming;
    check(cudaEventCreateWithFlags(&event, flags), "cudaEventCreateWithFlags", index);
    return event;
}

void destroy_event(EventRef event) noexcept { note(cudaEventDestroy(native(event)), event.device.index); }

void record(StreamRef stream, EventRef event) {
    check(cudaEventRecord(native(event), cuda::native(stream)), "cudaEventRecord", event.device.index);
}

bool record_all(EventRef event) {
    using Record = CUresult (*)(CUcontext, CUevent);
    using Current = CUresult (*)(CUcontext*);
    static const auto record = reinterpret_cast<Record>(driver_function("cuCtxRecordEvent", 12050));
    static const auto current_context = reinterpret_cast<Current>(driver_function("cuCtxGetCurrent", 4000));
    const CurrentDevice current(event.device.index);
    const BesideCaptures beside;
    CUcontext context = nullptr;
    if (record == nullptr || current_context == nullptr || current_context(&context) != CUDA_SUCCESS) {
        // Drivers before 12.5 know no such event. The host waits, and any point is late enough.
        const cudaError_t waited = cudaDeviceSynchronize();
        if (waited == cudaErrorStreamCaptureUnsupported) return false;
        check(waited, "cudaDeviceSynchronize", event.device.index);
        return true;
    }
    const CUresult recorded = record(context, native(event));
    if (recorded == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED) return false;
    check(static_cast<cudaError_t>(recorded), "cuCtxRecordEvent", event.device.index);  // equal numbers
    return true;
}

void wait(StreamRef stream, EventRef event) {
    const CurrentDevice current(stream.device.index);  // the default streams are the current device's
    check(cudaStreamWaitEvent(cuda::native(stream), native(event), cudaEventWaitDefault), "cudaStreamWaitEvent",
          stream.device.index);
}

// cudaEventSynchronize keeps a core busy until the event is there, and with its blocking kind every record raises an
// interrupt. A thread that waits for a copy down has encoders beside it that need the core, and slots in flight that
// hide the delay.
void synchronize(EventRef event) {
    constexpr std::chrono::microseconds pause{50};
    constexpr int eager = 20;  // looks, about a microsecond each, for what is nearly done
    for (int looks = 0; !cuda::reached(event); ++looks) {
        if (looks >= eager) std::this_thread::sleep_for(pause);
    }
}

bool reached(EventRef event) {
    const BesideCaptures beside;
    const cudaError_t result = cudaEventQuery(native(event));
    if (result == cudaErrorNotReady) {
        static_cast<void>(cudaGetLastError());
        return false;
    }
    check(result, "cudaEventQuery", event.device.index);
    return true;
}

double elapsed(EventRef from, EventRef to) {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, native(from), native(to)), "cudaEventElapsedTime", from.device.index);
    return static_cast<double>(milliseconds) * 1e-3;
}

void copy_rows(StreamRef stream, const Rows& rows) {
    const bool compact = rows.to_pitch == rows.bytes && rows.from_pitch == rows.bytes;
    const int index = stream.device.index;
    const CurrentDevice current(index);  // cudaMemcpy2DAsync refuses streams of other devices
    if (compact || rows.count == 1) {
        check(cudaMemcpyAsync(rows.to, rows.from, rows.bytes * rows.count, cudaMemcpyDefault, cuda::native(stream)),
              "cudaMemcpyAsync", index);
        return;
    }
    check(cudaMemcpy2DAsync(rows.to, rows.to_pitch, rows.from, rows.from_pitch, rows.bytes, rows.count,
                            cudaMemcpyDefault, cuda::native(stream)),
          "cudaMemcpy2DAsync", index);
}

void set_zero(StreamRef stream, std::byte* data, std::size_t bytes) {
    const CurrentDevice current(stream.device.index);
    check(cudaMemsetAsync(data, 0, bytes, cuda::native(stream)), "cudaMemsetAsync", stream.device.index);
}

}  // namespace millrace::device::cuda
