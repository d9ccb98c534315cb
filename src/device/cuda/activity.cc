#include "device/cuda/activity.h"

#include <cupti.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "device/cuda/check.h"
#include "device/cuda/cupti_library.h"
#include "device/interval_union.h"

namespace millrace::device {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{4} << 20U;
constexpr std::align_val_t buffer_alignment{8};
constexpr CUpti_ActivityKind kernel_kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
constexpr std::array copy_kinds{CUPTI_ACTIVITY_KIND_MEMCPY, CUPTI_ACTIVITY_KIND_MEMCPY2};

struct Copies {
    std::int64_t count = 0;
    std::uint64_t bytes = 0;
    IntervalUnion time;

    void add(std::uint64_t size, std::uint64_t begin, std::uint64_t end) {
        ++count;
        bytes += size;
        time.add(begin, end);
    }
    CopyActivity report() { return {count, bytes, static_cast<double>(time.total()) * 1e-9}; }
};

struct Device {
    std::int64_t kernels = 0;
    IntervalUnion busy;
    Copies up;
    Copies down;
    Copies across;
};

// A copy of our own at the end, whose record comes if CUPTI's records are still ours.
enum class Probe { none, expected, seen };
constexpr std::size_t probe_bytes = 4099;

// What CUPTI's callbacks fill; they have no argument of ours.
struct Records {
    std::mutex mutex;
    std::map<std::uint32_t, Device> devices;
    std::uint64_t kernels_end = 0;  ///< later ones are not counted, whether they were recorded or not
    CopyLedger* ledger = nullptr;   ///< may be null
    std::int64_t dropped = 0;
    Probe probe = Probe::none;
};

Records& records() {
    static auto* instance = new Records();  // CUPTI's threads may call until the process is gone
    return *instance;
}

std::atomic<bool>& watching() {
    static std::atomic<bool> flag{false};
    return flag;
}

// Records that were cut off by a flush have no times.
template <class Record>
bool complete(const Record& record) {
    return record.start != 0 && record.end >= record.start;
}

/// None: a device had no part in it.
std::optional<CopyDirection> direction_of(std::uint8_t kind) {
    switch (kind) {
        case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
        case CUPTI_ACTIVITY_MEMCPY_KIND_HTOA:
            return CopyDirection::up;
        case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
        case CUPTI_ACTIVITY_MEMCPY_KIND_ATOH:
            return CopyDirection::down;
        case CUPTI_ACTIVITY_MEMCPY_KIND_HTOH:
            return std::nullopt;
        default:
            return CopyDirection::across;
    }
}

Copies& copies_of(Device& device, CopyDirection direction) {
    if (direction == CopyDirection::across) return device.across;
    return direction == CopyDirection::up ? device.up : device.down;
}

void take_copy(std::uint32_t device, const CopyRecord& copy) {
    if (records().probe != Probe::none) {  // the measurement is over
        if (copy.direction == CopyDirection::up && copy.bytes == probe_bytes) records().probe = Probe::seen;
        return;
    }
    copies_of(records().devices[device], copy.direction).add(copy.bytes, copy.begin, copy.end);
    if (records().ledger != nullptr) records().ledger->done(copy);
}

// NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): records begin with their kind
void take(const CUpti_Activity* record) {
    switch (record->kind) {
        case CUPTI_ACTIVITY_KIND_KERNEL:
        case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
            const auto& kernel = *reinterpret_cast<const CUpti_ActivityKernel10*>(record);
            if (!complete(kernel)) return;
            if (kernel.start >= records().kernels_end) return;
            Device& device = records().devices[kernel.deviceId];
            ++device.kernels;
            device.busy.add(kernel.start, std::min(kernel.end, records().kernels_end));
            break;
        }
        case CUPTI_ACTIVITY_KIND_MEMCPY: {
            const auto& copy = *reinterpret_cast<const CUpti_ActivityMemcpy6*>(record);
            const std::optional<CopyDirection> direction = direction_of(copy.copyKind);
            if (!complete(copy) || !direction) return;
            take_copy(copy.deviceId,
                      {copy.correlationId, copy.runtimeCorrelationId, *direction, copy.bytes, copy.start, copy.end});
            break;
        }
        case CUPTI_ACTIVITY_KIND_MEMCPY2: {
            const auto& copy = *reinterpret_cast<const CUpti_ActivityMemcpyPtoP4*>(record);
            if (!complete(copy)) return;
            take_copy(copy.deviceId, {copy.correlationId, 0, CopyDirection::across, copy.bytes, copy.start, copy.end});
            break;
        }
        default:
            break;
    }
}
// NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)

void CUPTIAPI buffer_requested(std::uint8_t** buffer, std::size_t* size, std::size_t* most) {
    *buffer = static_cast<std::uint8_t*>(::operator new[](buffer_bytes, buffer_alignment, std::nothrow));
    *size = *buffer == nullptr ? 0 : buffer_bytes;  // none: CUPTI drops records and counts them
    *most = 0;
}

void CUPTIAPI buffer_completed(CUcontext context, std::uint32_t stream, std::uint8_t* buffer, std::size_t /*size*/,
                               std::size_t valid) {
    const cuda::CuptiLibrary& cupti = cuda::cupti_library();
    {
        const std::scoped_lock lock(records().mutex);
        CUpti_Activity* record = nullptr;
        while (cupti.next_record(buffer, valid, &record) == CUPTI_SUCCESS) take(record);
        std::size_t dropped = 0;
        if (cupti.dropped_records(context, stream, &dropped) == CUPTI_SUCCESS) {
            records().dropped += static_cast<std::int64_t>(dropped);
        }
    }
    ::operator delete[](buffer, buffer_alignment);
}

// On the thread that calls, before the call does anything.
void CUPTIAPI api_called(void* ledger, CUpti_CallbackDomain /*domain*/, CUpti_CallbackId /*id*/, const void* data) {
    const auto& call = *static_cast<const CUpti_CallbackData*>(data);
    if (call.callbackSite == CUPTI_API_ENTER) static_cast<CopyLedger*>(ledger)->called(call.correlationId);
}

// cudaMemcpyAsync, cuMemcpyDtoH_v2 and all their kin.
bool names_copy(std::string_view function) {
    return function.starts_with("cudaMemcpy") || function.starts_with("cuMemcpy");
}

}  // namespace

struct ActivityMonitor::Impl {
    std::uint64_t begun = 0;                      ///< in CUPTI's nanoseconds
    CUpti_SubscriberHandle subscriber = nullptr;  ///< null: not ours
    bool recording = false;                       ///< kinds are enabled, or some of them
    std::jthread kernel_watch;                    ///< ends the records of kernels

    Impl(CopyLedger* ledger, std::chrono::milliseconds watch_length) {
        if (watching().exchange(true)) cuda::activity_unavailable("another measurement runs in this process");
        try {
            subscribe(ledger);
            if (ledger != nullptr) {
                watch_calls(CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_SIZE);
                watch_calls(CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_SIZE);
            }
            begin(ledger, watch_length);
            kernel_watch = std::jthread([watch_length](const std::stop_token& stop) {
                if (lasts(watch_length, stop)) static_cast<void>(cuda::cupti_library().disable(kernel_kind));
            });
        } catch (...) {
            end();
            throw;
        }
    }
    ~Impl() {
        if (subscriber != nullptr) end();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    Impl(Impl&&) = delete;
    Impl& operator=(Impl&&) = delete;

    // CUPTI serves one at a time. Who does not hold it must touch nothing, as the records are then another's.
    void subscribe(CopyLedger* ledger) {
        const CUptiResult result = cuda::cupti_library().subscribe(&subscriber, api_called, ledger);
        if (result == CUPTI_SUCCESS) return;
        subscriber = nullptr;
        if (result == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED || result == CUPTI_ERROR_MAX_LIMIT_REACHED) {
            cuda::activity_unavailable(
                "another profiler (torch.profiler, Nsight Systems ...) holds CUPTI in this process");
        }
        cuda::cupti_library().check(result, "cuptiSubscribe");
    }

    void watch_calls(CUpti_CallbackDomain domain, int ids) const {
        const cuda::CuptiLibrary& cupti = cuda::cupti_library();
        for (int id = 1; id < ids; ++id) {
            const char* name = nullptr;
            const auto callback = static_cast<CUpti_CallbackId>(id);
            if (cupti.callback_name(domain, callback, &name) != CUPTI_SUCCESS || name == nullptr) continue;
            if (!names_copy(name)) continue;
            cupti.check(cupti.enable_callback(1, subscriber, domain, callback), "cuptiEnableCallback");
        }
    }

    void begin(CopyLedger* ledger, std::chrono::nanoseconds watch_length) {
        const cuda::CuptiLibrary& cupti = cuda::cupti_library();
        cupti.check(cupti.register_callbacks(buffer_requested, buffer_completed), "cuptiActivityRegisterCallbacks");
        // What an earlier measurement left behind belongs to nobody.
        cupti.check(cupti.flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED), "cuptiActivityFlushAll");
        {
            const std::scoped_lock lock(records().mutex);
            records().devices.clear();
            records().ledger = ledger;
            records().dropped = 0;
            records().probe = Probe::none;
        }
        recording = true;
        for (const CUpti_ActivityKind kind : copy_kinds) cupti.check(cupti.enable(kind), "cuptiActivityEnable");
        cupti.check(cupti.timestamp(&begun), "cuptiGetTimestamp");
        {
            const std::scoped_lock lock(records().mutex);
            records().kernels_end = begun + static_cast<std::uint64_t>(watch_length.count());
        }
        cupti.check(cupti.enable(kernel_kind), "cuptiActivityEnable");
    }

    /// False: stopped before.
    static bool lasts(std::chrono::milliseconds time, const std::stop_token& stop) {
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable_any stopped;
        stopped.wait_for(lock, stop, time, [] { return false; });
        return !stop.stop_requested();
    }

    void end() noexcept {
        kernel_watch = {};
        if (recording) {
            cuda::cupti_library().disable(kernel_kind);
            for (const CUpti_ActivityKind kind : copy_kinds) cuda::cupti_library().disable(kind);
            const std::scoped_lock lock(records().mutex);
            records().ledger = nullptr;
        }
        if (subscriber != nullptr) cuda::cupti_library().unsubscribe(subscriber);
        recording = false;
        subscriber = nullptr;
        watching() = false;
    }
};

ActivityMonitor::ActivityMonitor(CopyLedger* ledger, std::chrono::milliseconds kernel_watch)
    : impl_(std::make_unique<Impl>(ledger, kernel_watch)) {}
ActivityMonitor::~ActivityMonitor() = default;
ActivityMonitor::ActivityMonitor(ActivityMonitor&&) noexcept = default;
ActivityMonitor& ActivityMonitor::operator=(ActivityMonitor&&) noexcept = default;

namespace {

/// False: there is no memory for it.
bool copy_probe(int index) {
    const cuda::CurrentDevice current(index);
    const cuda::BesideCaptures beside;
    const std::array<std::byte, probe_bytes> from{};
    void* to = nullptr;
    if (cudaMalloc(&to, from.size()) == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        return false;
    }
    const cudaError_t result = cudaMemcpy(to, from.data(), from.size(), cudaMemcpyHostToDevice);
    cuda::note(cudaFree(to), index);
    cuda::check(result, "cudaMemcpy", index);
    return true;
}

// Nothing of CUPTI says that another profiler in this process has put itself in our place. All records are in.
bool still_ours() {
    int index = 0;
    {
        const std::scoped_lock lock(records().mutex);
        if (records().devices.empty()) return true;
        index = static_cast<int>(records().devices.begin()->first);
        records().probe = Probe::expected;
    }
    if (!copy_probe(index)) return true;
    cuda::cupti_library().check(cuda::cupti_library().flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED),
                                "cuptiActivityFlushAll");
    const std::scoped_lock lock(records().mutex);
    return records().probe == Probe::seen;
}

}  // namespace

ActivityReport ActivityMonitor::stop() {
    const cuda::CuptiLibrary& cupti = cuda::cupti_library();
    impl_->kernel_watch = {};
    std::uint64_t ended = 0;
    cupti.check(cupti.timestamp(&ended), "cuptiGetTimestamp");
    cupti.check(cupti.flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED), "cuptiActivityFlushAll");
    if (!still_ours()) {
        impl_->recording = false;  // what is recorded now is for somebody else to end
        cuda::activity_unavailable("another profiler has taken CUPTI's records in this process");
    }
    impl_->end();
    const std::scoped_lock lock(records().mutex);
    ActivityReport report;
    report.seconds = static_cast<double>(ended - impl_->begun) * 1e-9;
    report.kernels_watched = static_cast<double>(std::min(ended, records().kernels_end) - impl_->begun) * 1e-9;
    report.dropped = records().dropped;
    for (auto& [index, device] : records().devices) {
        report.devices.push_back({static_cast<int>(index), static_cast<double>(device.busy.total()) * 1e-9,
                                  device.kernels, device.up.report(), device.down.report(), device.across.report()});
    }
    return report;
}

}  // namespace millrace::device
