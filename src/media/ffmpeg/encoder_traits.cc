#include "media/ffmpeg/encoder_traits.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace millrace::media::ffmpeg {

namespace {

using Preset = std::pair<std::string_view, int>;

// rc-lookahead of x264's presets (x264 --fullhelp); ultrafast and superfast run without.
constexpr std::array<Preset, 10> x264_presets{{{"medium", 40},
                                               {"ultrafast", 0},
                                               {"superfast", 0},
                                               {"veryfast", 10},
                                               {"faster", 20},
                                               {"fast", 30},
                                               {"slow", 50},
                                               {"slower", 60},
                                               {"veryslow", 60},
                                               {"placebo", 60}}};

// x265 documentation, "Preset Options".
constexpr std::array<Preset, 10> x265_presets{{{"medium", 20},
                                               {"ultrafast", 5},
                                               {"superfast", 10},
                                               {"veryfast", 15},
                                               {"faster", 15},
                                               {"fast", 15},
                                               {"slow", 25},
                                               {"slower", 40},
                                               {"veryslow", 40},
                                               {"placebo", 60}}};

// x264 --fullhelp and x265's documentation of --crf. FFmpeg takes any; x264 goes on with its own highest in silence.
constexpr double x26x_crf = 51;

// ffmpeg -h encoder=h264_nvenc, without the names that are deprecated there. They look ahead only where asked to.
constexpr std::array<Preset, 10> nvenc_presets{{{"p4", 0},
                                                {"p1", 0},
                                                {"p2", 0},
                                                {"p3", 0},
                                                {"p5", 0},
                                                {"p6", 0},
                                                {"p7", 0},
                                                {"fast", 0},
                                                {"medium", 0},
                                                {"slow", 0}}};

constexpr std::array<EncoderTraits, 12> table{{
    {.name = "libx264", .params = "x264-params", .even_size = true, .highest_crf = x26x_crf, .presets = x264_presets},
    {.name = "libx264rgb", .params = "x264-params", .highest_crf = x26x_crf, .presets = x264_presets},
    {.name = "libx265", .params = "x265-params", .even_size = true, .highest_crf = x26x_crf, .presets = x265_presets},
    {.name = "libsvtav1", .params = "svtav1-params", .even_size = true},
    {.name = "libvpx-vp9"},
    {.name = "prores_ks", .intra_only = true, .frame_threads = true},
    {.name = "ffv1"},
    {.name = "mjpeg", .intra_only = true, .frame_threads = true},
    {.name = "png", .intra_only = true, .frame_threads = true},
    {.name = "h264_nvenc", .even_size = true, .highest_crf = 51, .nvenc_quality = 23, .presets = nvenc_presets},
    {.name = "hevc_nvenc", .even_size = true, .highest_crf = 51, .nvenc_quality = 28, .presets = nvenc_presets},
    {.name = "av1_nvenc", .even_size = true, .highest_crf = 51, .nvenc_quality = 30, .presets = nvenc_presets},
}};

std::string dashed(std::string_view key) {
    std::string out(key);
    std::ranges::replace(out, '_', '-');
    return out;
}

std::optional<int> to_int(const std::string& text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::string> find_param(std::string_view params, std::string_view key) {
    std::optional<std::string> found;
    while (!params.empty()) {
        const std::string_view item = params.substr(0, params.find(':'));
        params.remove_prefix(std::min(params.size(), item.size() + 1));
        const std::size_t equals = item.find('=');
        if (dashed(item.substr(0, equals)) == key) {
            found = equals == std::string_view::npos ? "1" : std::string(item.substr(equals + 1));
        }
    }
    return found;
}

}  // namespace

const EncoderTraits* find_traits(std::string_view codec) {
    const auto* found = std::ranges::find(table, codec, &EncoderTraits::name);
    return found == table.end() ? nullptr : found;
}

const EncoderTraits* find_nvenc(std::string_view codec) {
    const EncoderTraits* traits = find_traits(codec);
    return traits != nullptr && traits->nvenc_quality > 0 ? traits : nullptr;
}

std::optional<double> to_number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::vector<std::string> known_encoders() {
    std::vector<std::string> out;
    for (const EncoderTraits& traits : table) out.emplace_back(traits.name);
    return out;
}

int threads_for(const core::PictureDesc& picture) {
    constexpr std::int64_t above_1080p = 1920LL * 1088;
    return std::int64_t{picture.width} * picture.height > above_1080p ? 8 : 4;
}

std::optional<std::string> find_option(const EncoderRequest& request, const EncoderTraits& traits,
                                       std::string_view key) {
    std::optional<std::string> found;
    for (const auto& [name, value] : request.options) {
        if (dashed(name) == key) found = value;
        const bool is_params = name == traits.params || (name == "x264opts" && traits.params == "x264-params");
        if (is_params && !traits.params.empty()) {
            if (auto inside = find_param(value, key)) found = inside;
        }
    }
    return found;
}

int lookahead_frames(const EncoderRequest& request, const EncoderTraits& traits) {
    if (traits.presets.empty()) return 0;
    const auto preset = std::ranges::find(traits.presets, std::string_view(request.preset), &Preset::first);
    int frames = preset == traits.presets.end() ? traits.presets.front().second : preset->second;
    if (find_option(request, traits, "tune").value_or("").find("zerolatency") != std::string::npos) frames = 0;
    if (const auto asked = find_option(request, traits, "rc-lookahead")) frames = to_int(*asked).value_or(frames);
    // Neither encoder looks further than its longest distance of key frames.
    for (const std::string_view key : {"g", "keyint"}) {
        if (const auto asked = find_option(request, traits, key)) {
            const int distance = to_int(*asked).value_or(frames);
            if (distance >= 0) frames = std::min(frames, distance <= 1 ? 0 : distance);
        }
    }
    return std::clamp(frames, 0, 250);
}

}  // namespace millrace::media::ffmpeg
