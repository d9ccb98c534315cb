#include "media/nvidia/session.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/log.h"

namespace millrace::media::nvidia {

namespace {

// Targets need even sizes. The source is given the same ones: surfaces are larger anyway, and nothing may be scaled.
int even(int extent) { return (extent + 1) / 2 * 2; }

CUVIDDECODECREATEINFO create_info(const CodedFormat& room, int surfaces) {
    CUVIDDECODECREATEINFO info{};
    info.CodecType = room.codec;
    info.ChromaFormat = room.chroma;
    info.bitDepthMinus8 = static_cast<tcu_ulong>(room.depth - 8);
    info.OutputFormat = *surface_format(room);
    info.DeinterlaceMode = cudaVideoDeinterlaceMode_Weave;
    info.ulCreationFlags = cudaVideoCreate_PreferCUVID;
    info.ulWidth = static_cast<tcu_ulong>(even(room.width));
    info.ulHeight = static_cast<tcu_ulong>(even(room.height));
    info.ulTargetWidth = info.ulWidth;
    info.ulTargetHeight = info.ulHeight;
    info.ulMaxWidth = info.ulWidth;
    info.ulMaxHeight = info.ulHeight;
    info.ulNumDecodeSurfaces = static_cast<tcu_ulong>(surfaces);
    info.ulNumOutputSurfaces = mapped_at_most;
    return info;
}

// Sizes that decoders are made for, so that smaller streams find them fitting.
int roomy(int extent) {
    constexpr std::array<int, 4> steps{1088, 1920, 2304, 4096};
    const auto* const step = std::ranges::find_if(steps, [extent](int size) { return extent <= size; });
    return step == steps.end() ? extent : *step;
}

bool same_kind(const CodedFormat& a, const CodedFormat& b) {
    return a.codec == b.codec && a.chroma == b.chroma && a.depth == b.depth;
}

}  // namespace

CodedFormat roomy(const CodedFormat& format) {
    CodedFormat room = format;
    room.width = std::max(roomy(format.width), 1920);
    room.height = std::max(roomy(format.height), 1088);
    return room;
}

std::size_t surface_bytes(const CodedFormat& room, int surfaces) {
    constexpr std::size_t pitch_step = 256;
    const std::size_t row = static_cast<std::size_t>(even(room.width)) * (room.depth > 8 ? 2 : 1);
    const std::size_t pitch = (row + pitch_step - 1) / pitch_step * pitch_step;
    const auto luma = pitch * static_cast<std::size_t>(even(room.height));
    const bool full_chroma = room.chroma == cudaVideoChromaFormat_444;
    return (full_chroma ? 3 * luma : luma + luma / 2) * static_cast<std::size_t>(surfaces + mapped_at_most);
}

Session::Session(const Library& library, const CodedFormat& format, const CodedFormat& room, int surfaces)
    : library_(library), format_(room), room_(room), surfaces_(surfaces) {
    create(format);
    if (format == room) return;
    // Rows of mapped pictures keep for good the length that the decoder was created with (driver 580), so it is created
    // for the largest.
    try {
        reconfigure(format);
    } catch (...) {
        destroy();
        throw;
    }
}

void Session::create(const CodedFormat& format) {
    const InContext context(library_);
    CUVIDDECODECREATEINFO info = create_info(room_, surfaces_);
    const CUresult result = library_.call.create_decoder(&handle_, &info);
    if (result != CUDA_SUCCESS) {
        throw_failure(library_, result, "cuvidCreateDecoder",
                      "a decoder for " + describe(format) + " with room for " + describe(room_) + ", " +
                          std::to_string(surfaces_) + " surfaces");
    }
    core::log::debug("cuda:{}: NVDEC decoder for {}, room for {}, {} surfaces", library_.index, describe(format),
                     describe(room_), surfaces_);
}

Session::~Session() { destroy(); }

void Session::destroy() noexcept {
    // Without a context there is no decoder either: the device is lost, and the process ends soon.
    if (library_.call.push_context(library_.context) != CUDA_SUCCESS) return;
    library_.call.destroy_decoder(handle_);
    CUcontext popped = nullptr;
    library_.call.pop_context(&popped);
}

int Session::surface_height() const { return even(format_.height); }

bool Session::has_room(const CodedFormat& format, int surfaces) const {
    return same_kind(format, format_) && even(format.width) <= even(room_.width) &&
           even(format.height) <= even(room_.height) && surfaces <= surfaces_;
}

void Session::reconfigure(const CodedFormat& format) {
    const InContext context(library_);
    if (last_decoded_ >= 0) {
        // What the last user left behind must be decoded before the surfaces change shape. Mapping waits for that.
        CUVIDPROCPARAMS parameters{};
        parameters.progressive_frame = 1;
        Mapped mapped;
        if (map(last_decoded_, parameters, mapped) == CUDA_SUCCESS) unmap(mapped);
        last_decoded_ = -1;
    }
    CUVIDRECONFIGUREDECODERINFO info{};
    info.ulWidth = static_cast<unsigned>(even(format.width));
    info.ulHeight = static_cast<unsigned>(even(format.height));
    info.ulTargetWidth = info.ulWidth;
    info.ulTargetHeight = info.ulHeight;
    info.ulNumDecodeSurfaces = static_cast<unsigned>(surfaces_);
    const CUresult result = library_.call.reconfigure_decoder(handle_, &info);
    if (result != CUDA_SUCCESS) {
        throw_failure(library_, result, "cuvidReconfigureDecoder",
                      "a decoder of " + describe(format_) + " for " + describe(format));
    }
    format_ = format;
}

CUresult Session::decode(CUVIDPICPARAMS& picture) {
    const InContext context(library_);
    const CUresult result = library_.call.decode_picture(handle_, &picture);
    if (result == CUDA_SUCCESS) last_decoded_ = picture.CurrPicIdx;
    return result;
}

CUresult Session::map(int index, CUVIDPROCPARAMS& parameters, Mapped& mapped) {
    const InContext context(library_);
    return library_.call.map_video_frame(handle_, index, &mapped.address, &mapped.pitch, &parameters);
}

bool Session::damaged(int index) const {
    const InContext context(library_);
    CUVIDGETDECODESTATUS status{};
    if (library_.call.get_decode_status(handle_, index, &status) != CUDA_SUCCESS) return false;
    return status.decodeStatus == cuvidDecodeStatus_Error || status.decodeStatus == cuvidDecodeStatus_Error_Concealed;
}

void Session::unmap(const Mapped& mapped) noexcept {
    if (library_.call.push_context(library_.context) != CUDA_SUCCESS) return;
    library_.call.unmap_video_frame(handle_, mapped.address);
    CUcontext popped = nullptr;
    library_.call.pop_context(&popped);
}

}  // namespace millrace::media::nvidia
