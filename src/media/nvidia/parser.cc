#include "media/nvidia/parser.h"

#include <cstring>
#include <utility>

#include "core/rational.h"

namespace millrace::media::nvidia {

namespace {

// Until the sequence is known; on_sequence() then says.
constexpr unsigned surfaces_at_first = 8;

const unsigned char* bytes_of(std::span<const std::byte> data) {
    return reinterpret_cast<const unsigned char*>(data.data());
}

}  // namespace

Parser::Parser(const Library& library, cudaVideoCodec codec, ParserEvents& events, std::span<const std::byte> headers)
    : library_(library), events_(events) {
    CUVIDPARSERPARAMS parameters{};
    parameters.CodecType = codec;
    parameters.ulMaxNumDecodeSurfaces = surfaces_at_first;
    parameters.ulErrorThreshold = 100;  // damaged pictures are decoded and marked, as the CPU's are
    parameters.ulMaxDisplayDelay = 0;   // shown as soon as their order is known; pictures wait with us, not there
    parameters.pUserData = this;
    parameters.pfnSequenceCallback = sequence;
    parameters.pfnDecodePicture = decode;
    parameters.pfnDisplayPicture = display;
    // VC-1 streams need not begin with it; the others' are seen in the stream.
    if (codec == cudaVideoCodec_VC1 && headers.size() <= sizeof headers_.raw_seqhdr_data) {
        headers_.format.codec = codec;
        headers_.format.seqhdr_data_length = static_cast<unsigned>(headers.size());
        std::memcpy(headers_.raw_seqhdr_data, headers.data(), headers.size());
        parameters.pExtVideoInfo = &headers_;
    }
    const InContext context(library_);
    const CUresult result = library_.call.create_video_parser(&handle_, &parameters);
    if (result != CUDA_SUCCESS) throw_failure(library_, result, "cuvidCreateVideoParser", "starting to decode");
}

Parser::~Parser() {
    // Destruction may show what is left, which nobody wants any more: thrown_ says so to guarded().
    thrown_ = std::make_exception_ptr(0);
    if (library_.call.push_context(library_.context) != CUDA_SUCCESS) return;
    library_.call.destroy_video_parser(handle_);
    CUcontext popped = nullptr;
    library_.call.pop_context(&popped);
}

bool Parser::parse(std::span<const std::byte> packet, std::int64_t pts) {
    CUVIDSOURCEDATAPACKET data{};
    data.payload = bytes_of(packet);
    data.payload_size = static_cast<tcu_ulong>(packet.size());
    if (pts != core::no_pts) {
        data.flags |= CUVID_PKT_TIMESTAMP;
        data.timestamp = pts;
    }
    return hand_over(data);
}

bool Parser::finish() {
    CUVIDSOURCEDATAPACKET end{};
    end.flags = CUVID_PKT_ENDOFSTREAM;
    return hand_over(end);
}

bool Parser::hand_over(CUVIDSOURCEDATAPACKET& packet) {
    CUresult result = CUDA_SUCCESS;
    {
        const InContext context(library_);
        result = library_.call.parse_video_data(handle_, &packet);
    }
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    if (is_fatal(result)) throw_failure(library_, result, "cuvidParseVideoData", "parsing a packet");
    return result == CUDA_SUCCESS;
}

// Nothing may be thrown through the library: kept, and thrown when it has returned. 0 tells it that this failed.
template <class Event>
int Parser::guarded(Event event) noexcept {
    if (thrown_) return 0;
    try {
        return event();
    } catch (...) {
        thrown_ = std::current_exception();
        return 0;
    }
}

int CUDAAPI Parser::sequence(void* self, CUVIDEOFORMAT* format) {
    auto* parser = static_cast<Parser*>(self);
    return parser->guarded([&] { return parser->events_.on_sequence(*format); });
}

int CUDAAPI Parser::decode(void* self, CUVIDPICPARAMS* picture) {
    auto* parser = static_cast<Parser*>(self);
    return parser->guarded([&] {
        parser->events_.on_decode(*picture);
        return 1;
    });
}

int CUDAAPI Parser::display(void* self, CUVIDPARSERDISPINFO* info) {
    auto* parser = static_cast<Parser*>(self);
    return parser->guarded([&] {
        if (info != nullptr) parser->events_.on_display(*info);  // null is the stream's end
        return 1;
    });
}

}  // namespace millrace::media::nvidia
