#include "device/cuda/activity.h"

#include <cupti.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <new>
#include <string>

#include "core/error.h"
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

// What CUPTI's callbacks fill; they have no argument of ours.
struct Records {
    std::mutex mutex;
    std::map<std::uint32_t, Device> devices;
    std::int64_t dropped = 0;
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

void take_copy(const CUpti_ActivityMemcpy6& copy) {
    if (!complete(copy)) return;
    Device& device = records().devices[copy.deviceId];
    switch (copy.copyKind) {
        case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
        case CUPTI_ACTIVITY_MEMCPY_KIND_HTOA:
            device.up.add(copy.bytes, copy.start, copy.end);
            break;
        case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
        case CUPTI_ACTIVITY_MEMCPY_KIND_ATOH:
            device.down.add(copy.bytes, copy.start, copy.end);
            break;
        case CUPTI_ACTIVITY_MEMCPY_KIND_HTOH:
            break;
        default:
            device.across.add(copy.bytes, copy.start, copy.end);
            break;
    }
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
        case CUPTI_ACTIVITY_KIND_MEMCPY:
            take_copy(*reinterpret_cast<const CUpti_ActivityMemcpy6*>(record));
            break;
        case CUPTI_ACTIVITY_KIND_MEMCPY2: {
            const auto& copy = *reinterpret_cast<const CUpti_ActivityMemcpyPtoP4*>(record);
            if (complete(copy)) records().devices[copy.deviceId].across.add(copy.bytes, copy.start, copy.end);
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

}  // namespace

struct ActivityMonitor::Impl {
    std::uint64_t begun = 0;  ///< in CUPTI's nanoseconds
    bool running = false;

    Impl() {
        const Library& cupti = library();
        if (watching().exchange(true)) unavailable("another measurement runs in this process");
        try {
            cupti.check(cupti.register_callbacks(buffer_requested, buffer_completed), "cuptiActivityRegisterCallbacks");
            // What an earlier measurement left behind belongs to nobody.
            cupti.check(cupti.flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED), "cuptiActivityFlushAll");
            {
                const std::scoped_lock lock(records().mutex);
                records().devices.clear();
                records().dropped = 0;
            }
            for (const CUpti_ActivityKind kind : kinds) cupti.check(cupti.enable(kind), "cuptiActivityEnable");
            cupti.check(cupti.timestamp(&begun), "cuptiGetTimestamp");
        } catch (...) {
            end();
            throw;
        }
        running = true;
    }
    ~Impl() {
        if (running) end();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    Impl(Impl&&) = delete;
    Impl& operator=(Impl&&) = delete;

    void end() noexcept {
        for (const CUpti_ActivityKind kind : kinds) library().disable(kind);
        watching() = false;
        running = false;
    }
};

ActivityMonitor::ActivityMonitor() : impl_(std::make_unique<Impl>()) {}
ActivityMonitor::~ActivityMonitor() = default;
ActivityMonitor::ActivityMonitor(ActivityMonitor&&) noexcept = default;
ActivityMonitor& ActivityMonitor::operator=(ActivityMonitor&&) noexcept = default;

ActivityReport ActivityMonitor::stop() {
    const Library& cupti = library();
    std::uint64_t ended = 0;
    cupti.check(cupti.timestamp(&ended), "cuptiGetTimestamp");
    cupti.check(cupti.flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED), "cuptiActivityFlushAll");
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
