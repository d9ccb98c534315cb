#include "media/fake_nvdec.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <sstream>

namespace millrace::media::test {

namespace {

FakeNvdec* fake = nullptr;

constexpr auto invalid_value = static_cast<CUresult>(1);
constexpr auto memory_is_out = static_cast<CUresult>(2);

struct Content {
    int value = 0;
    int status = 2;
    std::int64_t time = 0;
};

struct FakeDecoder {
    CUVIDDECODECREATEINFO info{};
    unsigned pitch = 0;  ///< of mapped rows, in bytes
    std::array<Content, 64> surfaces;
    std::map<unsigned long long, std::vector<unsigned char>> mapped;
};

struct FakeParser {
    CUVIDPARSERPARAMS parameters{};
    std::array<std::int64_t, 64> times{};
};

CUresult push_context(CUcontext) {
    ++fake->contexts;
    return CUDA_SUCCESS;
}
CUresult pop_context(CUcontext*) {
    --fake->contexts;
    return CUDA_SUCCESS;
}
CUresult error_name(CUresult, const char** name) {
    *name = "FAKE_ERROR";
    return CUDA_SUCCESS;
}

CUresult get_decoder_caps(CUVIDDECODECAPS* caps) {
    assert(fake->contexts > 0);
    ++fake->caps_asked;
    const CUVIDDECODECAPS asked = *caps;
    *caps = fake->caps;
    caps->eCodecType = asked.eCodecType;
    return CUDA_SUCCESS;
}

CUresult create_decoder(CUvideodecoder* handle, CUVIDDECODECREATEINFO* info) {
    assert(fake->contexts > 0);
    if (fake->fail_creations > 0) {
        --fake->fail_creations;
        return memory_is_out;
    }
    auto* decoder = new FakeDecoder;
    decoder->info = *info;
    decoder->pitch = static_cast<unsigned>((info->ulTargetWidth * 2 + 511) / 512 * 512);
    *handle = decoder;
    ++fake->decoders;
    fake->created.push_back(*info);
    return CUDA_SUCCESS;
}

CUresult destroy_decoder(CUvideodecoder handle) {
    auto* decoder = static_cast<FakeDecoder*>(handle);
    assert(decoder->mapped.empty());
    delete decoder;
    --fake->decoders;
    return CUDA_SUCCESS;
}

CUresult reconfigure_decoder(CUvideodecoder handle, CUVIDRECONFIGUREDECODERINFO* info) {
    auto* decoder = static_cast<FakeDecoder*>(handle);
    if (!decoder->mapped.empty()) return invalid_value;
    if (info->ulWidth > decoder->info.ulMaxWidth || info->ulHeight > decoder->info.ulMaxHeight) return invalid_value;
    decoder->info.ulTargetWidth = info->ulTargetWidth;
    decoder->info.ulTargetHeight = info->ulTargetHeight;
    fake->reconfigured.push_back(*info);
    return CUDA_SUCCESS;
}

CUresult decode_picture(CUvideodecoder handle, CUVIDPICPARAMS* picture) {
    auto* decoder = static_cast<FakeDecoder*>(handle);
    const int value = static_cast<int>(picture->nBitstreamDataLen);
    if (value < 0) return invalid_value;
    Content& content = decoder->surfaces.at(static_cast<std::size_t>(picture->CurrPicIdx));
    content.value = value;
    content.status = static_cast<int>(picture->nNumSlices);
    fake->decoded.push_back(value);
    return CUDA_SUCCESS;
}

CUresult get_decode_status(CUvideodecoder handle, int index, CUVIDGETDECODESTATUS* status) {
    const auto& content = static_cast<FakeDecoder*>(handle)->surfaces.at(static_cast<std::size_t>(index));
    status->decodeStatus = static_cast<cuvidDecodeStatus>(content.status);
    return CUDA_SUCCESS;
}

// Rows of a surface: as the SDK's samples read them.
void fill(const CUVIDDECODECREATEINFO& info, int value, unsigned pitch, std::vector<unsigned char>& to) {
    const bool planar = info.OutputFormat >= cudaVideoSurfaceFormat_YUV444;
    const bool deep = info.OutputFormat % 2 != 0;
    // Rows are as long as those of the first size were, whatever came since.
    const int width = static_cast<int>(std::min<unsigned long>(info.ulTargetWidth, deep ? pitch / 2 : pitch));
    const int height = static_cast<int>(info.ulTargetHeight);
    const int rows = planar ? 3 * height : height + height / 2;
    to.assign(static_cast<std::size_t>(rows) * pitch, 0xEE);
    for (int row = 0; row < rows; ++row) {
        const int plane = row / height;
        for (int x = 0; x < width; ++x) {
            const int sample = fake_sample(value, plane, x, row % height);
            unsigned char* at = to.data() + static_cast<std::size_t>(row) * pitch;
            if (deep) {
                const auto word = static_cast<std::uint16_t>(sample << (8 - static_cast<int>(info.bitDepthMinus8)));
                std::memcpy(at + 2 * static_cast<std::size_t>(x), &word, sizeof word);
            } else {
                at[x] = static_cast<unsigned char>(sample);
            }
        }
    }
}

CUresult map_video_frame(CUvideodecoder handle, int index, unsigned long long* address, unsigned* pitch,
                         CUVIDPROCPARAMS*) {
    assert(fake->contexts > 0);
    if (fake->map_result != CUDA_SUCCESS) return fake->map_result;
    auto* decoder = static_cast<FakeDecoder*>(handle);
    if (decoder->mapped.size() >= decoder->info.ulNumOutputSurfaces) return invalid_value;
    const int value = decoder->surfaces.at(static_cast<std::size_t>(index)).value;
    *pitch = decoder->pitch;
    std::vector<unsigned char> bytes;
    fill(decoder->info, value, *pitch, bytes);
    *address = reinterpret_cast<unsigned long long>(bytes.data());
    decoder->mapped[*address] = std::move(bytes);
    fake->shown.push_back(value);
    fake->mapped_most = std::max(fake->mapped_most, ++fake->mapped);
    return CUDA_SUCCESS;
}

CUresult unmap_video_frame(CUvideodecoder handle, unsigned long long address) {
    if (static_cast<FakeDecoder*>(handle)->mapped.erase(address) != 1) return invalid_value;
    --fake->mapped;
    return CUDA_SUCCESS;
}

CUresult create_video_parser(CUvideoparser* handle, CUVIDPARSERPARAMS* parameters) {
    auto* parser = new FakeParser;
    parser->parameters = *parameters;
    *handle = parser;
    ++fake->parsers;
    ++fake->parsers_made;
    return CUDA_SUCCESS;
}

CUresult destroy_video_parser(CUvideoparser handle) {
    auto* parser = static_cast<FakeParser*>(handle);
    // As the real one may: what is left is shown.
    CUVIDPARSERDISPINFO left{};
    parser->parameters.pfnDisplayPicture(parser->parameters.pUserData, &left);
    delete parser;
    --fake->parsers;
    return CUDA_SUCCESS;
}

int sequence(FakeParser& parser, std::istream& words) {
    CUVIDEOFORMAT format{};
    int chroma = 1;
    int depth = 8;
    unsigned minimum = 0;
    words >> format.coded_width >> format.coded_height >> minimum;
    format.min_num_decode_surfaces = static_cast<unsigned char>(minimum);
    format.codec = parser.parameters.CodecType;
    auto& area = format.display_area;
    area.right = static_cast<int>(format.coded_width);
    area.bottom = static_cast<int>(format.coded_height);
    if (words >> chroma >> depth) {
        int left = 0;
        if (words >> left) {
            area.left = left;
            words >> area.top >> area.right >> area.bottom;
        }
    }
    format.chroma_format = static_cast<cudaVideoChromaFormat>(chroma);
    format.bit_depth_luma_minus8 = static_cast<unsigned char>(depth - 8);
    format.bit_depth_chroma_minus8 = format.bit_depth_luma_minus8;
    return parser.parameters.pfnSequenceCallback(parser.parameters.pUserData, &format);
}

int decode(FakeParser& parser, std::istream& words, std::int64_t time) {
    int value = 0;
    int status = 2;
    CUVIDPICPARAMS picture{};
    words >> picture.CurrPicIdx >> value;
    if (!(words >> status)) status = 2;
    picture.nBitstreamDataLen = static_cast<unsigned>(value);
    picture.nNumSlices = static_cast<unsigned>(status);
    parser.times.at(static_cast<std::size_t>(picture.CurrPicIdx)) = time;
    return parser.parameters.pfnDecodePicture(parser.parameters.pUserData, &picture);
}

int show(FakeParser& parser, std::istream& words) {
    CUVIDPARSERDISPINFO info{};
    words >> info.picture_index;
    if (!(words >> info.progressive_frame)) info.progressive_frame = 1;
    info.timestamp = parser.times.at(static_cast<std::size_t>(info.picture_index));
    return parser.parameters.pfnDisplayPicture(parser.parameters.pUserData, &info);
}

CUresult parse_video_data(CUvideoparser handle, CUVIDSOURCEDATAPACKET* packet) {
    auto& parser = *static_cast<FakeParser*>(handle);
    ++fake->packets;
    constexpr std::int64_t made_up = 123456789;
    const std::int64_t time = (packet->flags & CUVID_PKT_TIMESTAMP) != 0 ? packet->timestamp : made_up;
    std::istringstream commands(std::string(reinterpret_cast<const char*>(packet->payload), packet->payload_size));
    for (std::string command; std::getline(commands, command, ';');) {
        std::istringstream words(command);
        std::string verb;
        words >> verb;
        int result = 1;
        if (verb == "seq") result = sequence(parser, words);
        if (verb == "dec") result = decode(parser, words, time);
        if (verb == "show") result = show(parser, words);
        if (verb == "hdr") ++fake->headers;
        if (verb == "bad" || result == 0) return invalid_value;
    }
    return CUDA_SUCCESS;
}

}  // namespace

int fake_sample(int value, int plane, int x, int y) { return (value * 7 + plane * 50 + x + 3 * y) % 256; }

FakeNvdec::FakeNvdec() {
    assert(fake == nullptr);
    fake = this;
    library.index = 3;
    library.call = {.push_context = push_context,
                    .pop_context = pop_context,
                    .error_name = error_name,
                    .get_decoder_caps = get_decoder_caps,
                    .create_decoder = create_decoder,
                    .destroy_decoder = destroy_decoder,
                    .decode_picture = decode_picture,
                    .get_decode_status = get_decode_status,
                    .reconfigure_decoder = reconfigure_decoder,
                    .map_video_frame = map_video_frame,
                    .unmap_video_frame = unmap_video_frame,
                    .create_video_parser = create_video_parser,
                    .parse_video_data = parse_video_data,
                    .destroy_video_parser = destroy_video_parser};
    caps.bIsSupported = 1;
    caps.nOutputFormatMask = 15;
    caps.nMaxWidth = 4096;
    caps.nMaxHeight = 4096;
    caps.nMaxMBCount = 65536;
    caps.nMinWidth = 48;
    caps.nMinHeight = 16;
}

FakeNvdec::~FakeNvdec() { fake = nullptr; }

}  // namespace millrace::media::test
