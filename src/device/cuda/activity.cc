#include "device/cuda/activity.h"

#include <cupti.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "device/cuda/check.h"
#include "device/interval_union.h"

namespace millrace::device {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{4} << 20U;
constexpr std::align_val_t buffer_alignment{8};
constexpr std::array kinds{CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY,
                           CUPTI_ACTIVITY_KIND_MEMCPY2};

[[noreturn]] void unavailable(const std::string& why) {
    throw core::Error(core::ErrorCode::failed, "GPU activity is not measured: " + why);
}

// The functions of libcupti, which stays loaded once it is: it has threads of its own.
struct Library {
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

    void check(CUptiResult result, const char* api) const {
        if (result == CUPTI_SUCCESS) return;
        const char* text = nullptr;
        result_string(result, &text);
        unavailable(
            fmt::format("{} failed: {} ({})", api, text == nullptr ? "unknown" : text, static_cast<int>(result)));
    }
};

template <class Function>
void find(void* handle, const char* name, Function& function) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    function = reinterpret_cast<Function>(dlsym(handle, name));
    if (function == nullptr) unavailable(fmt::format("libcupti has no function {}", name));
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
    unavailable(
        fmt::format("{}; install CUPTI of CUDA {}, or put its folder into LD_LIBRARY_PATH", first_error, major));
}

const Library& library() {
    static const Library instance = [] {
        void* handle = open_library();
        Library found;
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
            unavailable(fmt::format("libcupti has version {}, expected {}", version, CUPTI_API_VERSION));
        }
        return found;
    }();
    return instance;
}

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
    CopyLedger* ledger = nullptr;  ///< may be null
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
            Device& device = records().devices[kernel.deviceId];
            ++device.kernels;
            device.busy.add(kernel.start, kernel.end);
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
    const Library& cupti = library();
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

    explicit Impl(CopyLedger* ledger) {
        if (watching().exchange(true)) unavailable("another measurement runs in this process");
        try {
            subscribe(ledger);
            if (ledger != nullptr) {
                watch_calls(CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_RUNTIME_TRACE_CBID_SIZE);
                watch_calls(CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_SIZE);
            }
            begin(ledger);
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
        const CUptiResult result = library().subscribe(&subscriber, api_called, ledger);
        if (result == CUPTI_SUCCESS) return;
        subscriber = nullptr;
        if (result == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED || result == CUPTI_ERROR_MAX_LIMIT_REACHED) {
            unavailable("another profiler (torch.profiler, Nsight Systems ...) holds CUPTI in this process");
        }
        library().check(result, "cuptiSubscribe");
    }

    void watch_calls(CUpti_CallbackDomain domain, int ids) const {
        const Library& cupti = library();
        for (int id = 1; id < ids; ++id) {
            const char* name = nullptr;
            const auto callback = static_cast<CUpti_CallbackId>(id);
            if (cupti.callback_name(domain, callback, &name) != CUPTI_SUCCESS || name == nullptr) continue;
            if (!names_copy(name)) continue;
            cupti.check(cupti.enable_callback(1, subscriber, domain, callback), "cuptiEnableCallback");
        }
    }

    void begin(CopyLedger* ledger) {
        const Library& cupti = library();
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
        for (const CUpti_ActivityKind kind : kinds) cupti.check(cupti.enable(kind), "cuptiActivityEnable");
        cupti.check(cupti.timestamp(&begun), "cuptiGetTimestamp");
    }

    void end() noexcept {
        if (recording) {
            for (const CUpti_ActivityKind kind : kinds) library().disable(kind);
            const std::scoped_lock lock(records().mutex);
            records().ledger = nullptr;
        }
        if (subscriber != nullptr) library().unsubscribe(subscriber);
        recording = false;
        subscriber = nullptr;
        watching() = false;
    }
};

ActivityMonitor::ActivityMonitor(CopyLedger* ledger) : impl_(std::make_unique<Impl>(ledger)) {}
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
    library().check(library().flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED), "cuptiActivityFlushAll");
    const std::scoped_lock lock(records().mutex);
    return records().probe == Probe::seen;
}

}  // namespace

ActivityReport ActivityMonitor::stop() {
    const Library& cupti = library();
    std::uint64_t ended = 0;
    cupti.check(cupti.timestamp(&ended), "cuptiGetTimestamp");
    cupti.check(cupti.flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED), "cuptiActivityFlushAll");
    if (!still_ours()) {
        impl_->recording = false;  // what is recorded now is for somebody else to end
        unavailable("another profiler has taken CUPTI's records in this process");
    }
    impl_->end();
    const std::scoped_lock lock(records().mutex);
    ActivityReport report;
    report.seconds = static_cast<double>(ended - impl_->begun) * 1e-9;
    report.dropped = records().dropped;
    for (auto& [index, device] : records().devices) {
        report.devices.push_back({static_cast<int>(index), static_cast<double>(device.busy.total()) * 1e-9,
                                  device.kernels, device.up.report(), device.down.report(), device.across.report()});
    }
    return report;
}

}  // namespace millrace::device
