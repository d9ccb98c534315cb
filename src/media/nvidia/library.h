#pragma once
// NVIDIA's driver libraries for video, loaded at run time: libcuda.so.1 and libnvcuvid.so.1. Private to
// src/media/nvidia.

// clang-format off: the second needs the first
#include <ffnvcodec/dynlink_cuda.h>
#include <ffnvcodec/dynlink_nvcuvid.h>
// clang-format on

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

namespace millrace::media::nvidia {

/// What decoding calls. A plain table, so that tests put in their own.
struct Functions {
    tcuCtxPushCurrent_v2* push_context = nullptr;
    tcuCtxPopCurrent_v2* pop_context = nullptr;
    tcuGetErrorName* error_name = nullptr;
    tcuvidGetDecoderCaps* get_decoder_caps = nullptr;
    tcuvidCreateDecoder* create_decoder = nullptr;
    tcuvidDestroyDecoder* destroy_decoder = nullptr;
    tcuvidDecodePicture* decode_picture = nullptr;
    tcuvidGetDecodeStatus* get_decode_status = nullptr;
    tcuvidReconfigureDecoder* reconfigure_decoder = nullptr;
    tcuvidMapVideoFrame* map_video_frame = nullptr;
    tcuvidUnmapVideoFrame* unmap_video_frame = nullptr;
    tcuvidCreateVideoParser* create_video_parser = nullptr;
    tcuvidParseVideoData* parse_video_data = nullptr;
    tcuvidDestroyVideoParser* destroy_video_parser = nullptr;
};

/// What the driver has said about kinds of streams. Asking takes 10 ms (driver 580). Thread-safe.
class KnownCaps {
  public:
    /// Fills `caps`, whose codec, chroma and depth are the question; `ask` is called when it is new.
    template <class Ask>
    CUresult get(CUVIDDECODECAPS& caps, Ask ask) {
        const Kind kind{caps.eCodecType, caps.eChromaFormat, caps.nBitDepthMinus8};
        const std::scoped_lock lock(mutex_);
        const auto known = known_.find(kind);
        if (known != known_.end()) {
            caps = known->second;
            return CUDA_SUCCESS;
        }
        const CUresult result = ask(&caps);
        if (result == CUDA_SUCCESS) known_.emplace(kind, caps);
        return result;
    }

  private:
    using Kind = std::tuple<cudaVideoCodec, cudaVideoChromaFormat, unsigned>;
    std::mutex mutex_;
    std::map<Kind, CUVIDDECODECAPS> known_;
};

/// The libraries and a device's primary context, which the CUDA runtime uses, too. Thread-safe, lives as long as the
/// process.
struct Library {
    Functions call;
    CUcontext context = nullptr;
    int index = 0;  ///< "cuda:0" is 0
    std::unique_ptr<KnownCaps> known_caps = std::make_unique<KnownCaps>();
};

/// Throws Error(failed) that says what is missing: the build, the driver, its video library, the device.
[[nodiscard]] const Library& open_library(int index);

/// The device's context is the thread's current one while this lives. Video calls need it.
class InContext {
  public:
    explicit InContext(const Library& library);
    ~InContext();
    InContext(const InContext&) = delete;
    InContext& operator=(const InContext&) = delete;
    InContext(InContext&&) = delete;
    InContext& operator=(InContext&&) = delete;

  private:
    const Library& library_;
};

/// "cuda:0: cuvidMapVideoFrame failed (CUDA_ERROR_MAP_FAILED, 205): decoding h264 1920x1088".
[[noreturn]] void throw_failure(const Library& library, CUresult result, const char* api, const std::string& doing);

/// True for errors of the device or the process, after which decoding on is no use; the others come of damaged streams.
[[nodiscard]] bool is_fatal(CUresult result);

inline constexpr int out_of_memory = 2;  ///< CUDA_ERROR_OUT_OF_MEMORY

}  // namespace millrace::media::nvidia
