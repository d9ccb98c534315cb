// Opening devices in a build with CUDA.

#include <dlfcn.h>
#include <fmt/core.h>

#include <map>
#include <memory>
#include <mutex>

#include "core/error.h"
#include "media/nvidia/context.h"
#include "media/nvidia/library.h"

namespace millrace::media::nvidia {

namespace {

[[noreturn]] void fail(int index, const std::string& what) {
    throw core::Error(core::ErrorCode::failed, fmt::format("cuda:{}: {}", index, what));
}

// Kept open for the life of the process: decoders may be destroyed late.
class Opened {
  public:
    Opened(int index, const char* name, const char* advice)
        : index_(index), name_(name), handle_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
        if (handle_ == nullptr) {
            const char* why = dlerror();
            fail(index, fmt::format("{} cannot be loaded ({}): {}", name, why != nullptr ? why : "no reason", advice));
        }
    }

    template <class T>
    void find(T*& function, const char* symbol) const {
        function = reinterpret_cast<T*>(dlsym(handle_, symbol));
        if (function == nullptr) fail(index_, fmt::format("{} has no {}: the driver is too old", name_, symbol));
    }

  private:
    int index_;
    const char* name_;
    void* handle_;
};

void check(const Library& library, CUresult result, const char* api) {
    if (result != CUDA_SUCCESS) throw_failure(library, result, api, "opening the device for video");
}

void find_video_functions(const Opened& video, Functions& call) {
    video.find(call.get_decoder_caps, "cuvidGetDecoderCaps");
    video.find(call.create_decoder, "cuvidCreateDecoder");
    video.find(call.destroy_decoder, "cuvidDestroyDecoder");
    video.find(call.decode_picture, "cuvidDecodePicture");
    video.find(call.get_decode_status, "cuvidGetDecodeStatus");
    video.find(call.reconfigure_decoder, "cuvidReconfigureDecoder");
    video.find(call.map_video_frame, "cuvidMapVideoFrame64");
    video.find(call.unmap_video_frame, "cuvidUnmapVideoFrame64");
    video.find(call.create_video_parser, "cuvidCreateVideoParser");
    video.find(call.parse_video_data, "cuvidParseVideoData");
    video.find(call.destroy_video_parser, "cuvidDestroyVideoParser");
}

// Of the library everything but the video functions.
std::unique_ptr<Library> open_driver(int index) {
    auto library = std::make_unique<Library>();
    library->index = index;
    const Opened driver(index, "libcuda.so.1", "install NVIDIA's driver, or work on the CPU");
    tcuInit* init = nullptr;
    tcuDeviceGet* get_device = nullptr;
    tcuDevicePrimaryCtxRetain* retain = nullptr;
    driver.find(library->call.error_name, "cuGetErrorName");
    driver.find(library->call.push_context, "cuCtxPushCurrent_v2");
    driver.find(library->call.pop_context, "cuCtxPopCurrent_v2");
    driver.find(init, "cuInit");
    driver.find(get_device, "cuDeviceGet");
    driver.find(retain, "cuDevicePrimaryCtxRetain");
    CUdevice device = 0;
    check(*library, init(0), "cuInit");
    check(*library, get_device(&device, index), "cuDeviceGet");
    check(*library, retain(&library->context, device), "cuDevicePrimaryCtxRetain");
    return library;
}

std::unique_ptr<Library> load(int index) {
    auto library = open_driver(index);
    const Opened video(
        index, "libnvcuvid.so.1",
        "install the driver's video libraries (in containers: NVIDIA_DRIVER_CAPABILITIES=video,compute)");
    find_video_functions(video, library->call);
    return library;
}

// One for each device, made when it is first asked for, and never destroyed.
template <std::unique_ptr<Library> Make(int)>
const Library& kept(int index) {
    static std::mutex mutex;
    static auto* libraries = new std::map<int, std::unique_ptr<Library>>();
    const std::scoped_lock lock(mutex);
    std::unique_ptr<Library>& library = (*libraries)[index];
    if (!library) library = Make(index);
    return *library;
}

}  // namespace

const Library& open_library(int index) { return kept<load>(index); }

void* primary_context(int index) { return kept<open_driver>(index).context; }

}  // namespace millrace::media::nvidia
