#include "media/ffmpeg/encoder_context.h"

extern "C" {
#include <libavutil/opt.h>
}

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <vector>

#include "core/error.h"
#include "device/cuda/probe.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/encoder_format.h"
#include "media/ffmpeg/encoder_nvenc.h"
#include "media/ffmpeg/encoder_traits.h"
#include "media/ffmpeg/log_capture.h"
#include "media/ffmpeg/nvidia/cuda_frames.h"

namespace millrace::media::ffmpeg {

namespace {

using core::Error;
using core::ErrorCode;

std::vector<std::string> private_options(const AVCodec& codec) {
    std::vector<std::string> out;
    if (codec.priv_class == nullptr) return out;
    const AVOption* option = nullptr;
    const void* object = static_cast<const void*>(&codec.priv_class);
    while ((option = av_opt_next(object, option)) != nullptr) {
        const bool usable = option->type != AV_OPT_TYPE_CONST && (option->flags & AV_OPT_FLAG_ENCODING_PARAM) != 0;
        if (usable) out.emplace_back(option->name);
    }
    return out;
}

void set_option(AVCodecContext& context, const std::string& key, const std::string& value, const char* given_as) {
    const int result = av_opt_set(&context, key.c_str(), value.c_str(), AV_OPT_SEARCH_CHILDREN);
    if (result >= 0) return;
    if (result == AVERROR_OPTION_NOT_FOUND &&
        av_opt_find(&context, key.c_str(), nullptr, 0, AV_OPT_SEARCH_CHILDREN) == nullptr) {
        throw Error(
            ErrorCode::usage,
            fmt::format("{}: {} has no option '{}'; it takes {}, and FFmpeg's general ones (g, bf, maxrate, ...)",
                        given_as, context.codec->name, key, fmt::join(private_options(*context.codec), ", ")));
    }
    throw Error(ErrorCode::usage, fmt::format("{}: {} does not take '{}' for option '{}' ({})", given_as,
                                              context.codec->name, value, key, error_text(result)));
}

void set_preset(AVCodecContext& context, const EncoderSettings& settings) {
    const std::string& preset = settings.request.preset;
    if (preset.empty()) return;
    const EncoderTraits* traits = find_traits(settings.request.codec);
    if (traits != nullptr && !traits->presets.empty()) {
        using Preset = std::pair<std::string_view, int>;
        if (std::ranges::find(traits->presets, std::string_view(preset), &Preset::first) == traits->presets.end()) {
            std::vector<std::string_view> names;
            for (const auto& [name, frames] : traits->presets) names.push_back(name);
            throw Error(ErrorCode::usage, fmt::format("-preset {}: {} has no such preset; it takes {}", preset,
                                                      traits->name, fmt::join(names, ", ")));
        }
    }
    if (av_opt_find(&context, "preset", nullptr, 0, AV_OPT_SEARCH_CHILDREN) == nullptr) {
        throw Error(ErrorCode::usage,
                    fmt::format("-preset {}: {} has no presets; its own options (-e key=value) are {}", preset,
                                context.codec->name, fmt::join(private_options(*context.codec), ", ")));
    }
    set_option(context, "preset", preset, "-preset");
}

/// Throws where `crf` lies off the encoder's scale, or between its steps.
void check_crf(const AVOption& option, const std::string& codec, double crf, const std::string& given_as) {
    const EncoderTraits* traits = find_traits(codec);
    const double highest = traits != nullptr && traits->highest_crf > 0 ? traits->highest_crf : option.max;
    const double lowest = find_nvenc(codec) != nullptr ? 1 : 0;  // NVENC's 0 means "not given"
    const bool whole = option.type == AV_OPT_TYPE_INT;
    if (crf >= lowest && crf <= highest && (!whole || crf == std::floor(crf))) return;
    throw Error(ErrorCode::usage, fmt::format("{}: {} takes {} from {} to {}; lower is better and larger", given_as,
                                              codec, whole ? "a whole number" : "a number", lowest, highest));
}

// NVENC's nearest to a rate factor is the target quality of its variable bit rate, which then has no aim of its own.
// What the user says of rate control with -e stands as it is; FFmpeg's default of 2 Mbit/s for any size is nobody's
// wish.
void set_nvenc_quality(AVCodecContext& context, const EncoderRequest& request, const EncoderTraits& traits) {
    if (request.crf) {
        const AVOption* option = av_opt_find(&context, "cq", nullptr, 0, AV_OPT_SEARCH_CHILDREN);
        check_crf(*option, request.codec, *request.crf, fmt::format("-crf {}", *request.crf));
    } else if (request.bit_rate) {
        context.bit_rate = *request.bit_rate;
        return set_option(context, "rc", "vbr", "-b:v");
    }
    for (const char* own : {"rc", "cq", "qp", "b", "cbr"}) {
        if (!request.crf && find_option(request, traits, own)) return;
    }
    context.bit_rate = 0;
    set_option(context, "rc", "vbr", "-crf");
    set_option(context, "cq", fmt::format("{}", request.crf.value_or(traits.nvenc_quality)), "-crf");
}

void set_crf(AVCodecContext& context, const EncoderRequest& request) {
    const AVOption* option = av_opt_find(&context, "crf", nullptr, 0, AV_OPT_SEARCH_CHILDREN);
    if (option == nullptr) {
        if (!request.crf) return;
        throw Error(ErrorCode::usage,
                    fmt::format("-crf {}: {} has no constant rate factor; use -e q=N (1 is best) or -b:v where it "
                                "takes one, or libx264",
                                *request.crf, request.codec));
    }
    const EncoderTraits* traits = find_traits(request.codec);
    const auto given = traits == nullptr ? std::nullopt : find_option(request, *traits, "crf");
    // Below 0 the encoders' own option means "not given", and better than 0 at more than 8 bits.
    const auto own = given ? to_number(*given) : std::nullopt;
    if (own && *own >= 0) check_crf(*option, request.codec, *own, fmt::format("-e crf={}", *given));
    if (!request.crf) return;
    const std::string value = fmt::format("{}", *request.crf);
    check_crf(*option, request.codec, *request.crf, "-crf " + value);
    set_option(context, "crf", value, "-crf");
}

void set_quality(AVCodecContext& context, const EncoderSettings& settings) {
    const EncoderRequest& request = settings.request;
    if (const EncoderTraits* nvenc = find_nvenc(request.codec)) return set_nvenc_quality(context, request, *nvenc);
    set_crf(context, request);
    if (request.bit_rate) context.bit_rate = *request.bit_rate;
    if (request.codec == "mjpeg" && !request.bit_rate) {  // its default is 200 kbit/s whatever the size
        context.flags |= AV_CODEC_FLAG_QSCALE;
        context.global_quality = 2 * FF_QP2LAMBDA;
    }
}

// "q" is ffmpeg's -q:v: a fixed quantiser scale.
bool set_qscale(AVCodecContext& context, const std::string& key, const std::string& value) {
    if (key != "q" && key != "q:v" && key != "qscale") return false;
    if (const EncoderTraits* nvenc = find_nvenc(context.codec->name)) {
        throw Error(ErrorCode::usage, fmt::format("-e {}={}: {} has no such scale; use -crf N, or -e rc=constqp -e "
                                                  "qp=N for a fixed quantiser",
                                                  key, value, nvenc->name));
    }
    const double scale = to_number(value).value_or(0);
    if (scale <= 0) {
        throw Error(ErrorCode::usage, fmt::format("-e {}={}: expected a number above 0", key, value));
    }
    context.flags |= AV_CODEC_FLAG_QSCALE;
    context.global_quality = static_cast<int>(scale * FF_QP2LAMBDA);
    return true;
}

std::string join_params(std::string first, const std::string& second) {
    if (!first.empty() && !second.empty()) first += ':';
    return first + second;
}

/// What goes through x264-params, x265-params or svtav1-params. The user's own come first where ours must hold, and
/// after ours where they may choose.
std::string build_params(const EncoderSettings& settings, const std::string& users) {
    const std::string& codec = settings.request.codec;
    const std::string hdr = hdr_params(settings.input.hdr, codec);
    if (codec == "libx264" || codec == "libx264rgb") {
        const bool constant = settings.input.timing == FrameTiming::constant && settings.input.frame_rate.num > 0;
        const std::string timing = constant ? "force-cfr=1" : "";
        return join_params(join_params(join_params(hdr, timing), users),
                           fmt::format("threads={}:cpu-independent=1:stitchable=1", settings.threads));
    }
    if (codec == "libx265") {
        std::string ours = join_params(hdr, "frame-threads=2");
        // x265 prints its own banner and statistics to standard error unless told not to.
        ours = join_params(ours, "log-level=error");
        return join_params(join_params(ours, users), fmt::format("pools={}", settings.threads));
    }
    return users;
}

void set_users_options(AVCodecContext& context, const EncoderSettings& settings) {
    const EncoderTraits* traits = find_traits(settings.request.codec);
    const std::string params_option(traits == nullptr ? "" : traits->params);
    std::string users;
    for (const auto& [key, value] : settings.request.options) {
        if (key == "threads") continue;  // in settings.threads
        if (!params_option.empty() && key == params_option) {
            users = join_params(users, value);
        } else if (!set_qscale(context, key, value)) {
            set_option(context, key, value, fmt::format("-e {}={}", key, value).c_str());
        }
    }
    const std::string params = build_params(settings, users);
    if (!params_option.empty() && !params.empty()) set_option(context, params_option, params, "-e");
}

void set_fixed_options(AVCodecContext& context, const EncoderSettings& settings) {
    const std::string& codec = settings.request.codec;
    context.thread_count = settings.threads;
    const EncoderTraits* traits = find_traits(codec);
    if (traits != nullptr && traits->frame_threads) context.thread_type = FF_THREAD_FRAME;
    const bool forces_idr =
        codec == "libx264" || codec == "libx264rgb" || codec == "libx265" || find_nvenc(codec) != nullptr;
    if (forces_idr) set_option(context, "forced-idr", "1", "-e");
    if (codec == "libvpx-vp9") {
        set_option(context, "row-mt", "1", "-e");
        set_option(context, "tile-columns", "6", "-e");  // as many as the width allows, up to this
    }
    const int smaller = std::min(settings.picture.width, settings.picture.height);
    if (codec == "ffv1" && smaller >= 16) {  // smaller pictures have slices without pixels, which come back black
        set_option(context, "level", "3", "-e");
        set_option(context, "slicecrc", "1", "-e");
    }
    if (codec == "libx265") context.thread_count = 2;  // its frame threads; pools is the number of workers
}

void set_picture(AVCodecContext& context, const EncoderSettings& settings) {
    const core::PictureDesc& picture = settings.picture;
    context.width = picture.width;
    context.height = picture.height;
    context.pix_fmt = encoder_pixel_format(settings);
    context.time_base = to_av(settings.input.time_base);
    context.framerate = to_av(settings.input.frame_rate);
    context.sample_aspect_ratio = to_av(settings.input.sample_aspect_ratio);
    const AvColor color = to_av(picture.color);
    context.colorspace = color.matrix;
    context.color_range = color.range;
    context.color_primaries = color.primaries;
    context.color_trc = color.transfer;
    const bool subsampled = picture.format.family == core::ColorFamily::yuv && picture.format.log2_chroma_w > 0;
    if (subsampled) context.chroma_sample_location = color.siting;
}

// "cuda:0 (NVIDIA H100 80GB HBM3)"
std::string gpu_name(device::DeviceId device) {
    const std::vector<device::CudaDeviceInfo> gpus = device::cuda_devices();
    const auto found = std::ranges::find(gpus, device.index, &device::CudaDeviceInfo::index);
    return found == gpus.end() ? to_string(device) : fmt::format("{} ({})", to_string(device), found->name);
}

}  // namespace

const AVCodec& require_encoder(const std::string& codec) {
    const AVCodec* found = avcodec_find_encoder_by_name(codec.c_str());
    if (found != nullptr && found->type == AVMEDIA_TYPE_VIDEO) return *found;
    std::vector<std::string> names;
    for (const std::string& name : known_encoders()) {
        if (avcodec_find_encoder_by_name(name.c_str()) != nullptr) names.push_back(name);
    }
    const bool known = find_traits(codec) != nullptr;
    throw Error(ErrorCode::usage,
                fmt::format("-c:v {}: {}; use one of {}", codec,
                            known ? "the installed FFmpeg was built without it" : "no such video encoder",
                            fmt::join(names, ", ")));
}

AVPixelFormat encoder_pixel_format(const EncoderSettings& settings) {
    return find_format(require_encoder(settings.request.codec), settings.picture.format);
}

CodecHandle configure_encoder(const EncoderSettings& settings) {
    const AVCodec& codec = require_encoder(settings.request.codec);
    CodecHandle context(avcodec_alloc_context3(&codec));
    if (!context) throw std::bad_alloc();
    set_picture(*context, settings);
    set_preset(*context, settings);
    set_fixed_options(*context, settings);
    set_quality(*context, settings);
    set_users_options(*context, settings);
    context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (settings.device.kind == device::DeviceKind::cuda) {
        context->hw_frames_ctx = make_cuda_frames(settings.device, context->pix_fmt, settings.picture).release();
        context->pix_fmt = AV_PIX_FMT_CUDA;
    }
    return context;
}

CodecHandle open_encoder(const EncoderSettings& settings) {
    route_log();
    CodecHandle context = configure_encoder(settings);
    const LogCapture words;
    const int result = avcodec_open2(context.get(), context->codec, nullptr);
    const std::string& text = words.text();
    // x264 and x265 go on without an option they do not know; the user would never hear of it.
    const bool ignored = text.find("Error parsing option") != std::string::npos ||
                         text.find("Unknown option") != std::string::npos ||
                         text.find("Invalid value") != std::string::npos;
    if (result >= 0 && !ignored) return context;
    if (result >= 0) close_encoder(std::move(context), 0);
    if (settings.device.kind == device::DeviceKind::cuda) {
        throw nvenc_refusal(settings, gpu_name(settings.device), text.empty() ? error_text(result) : text);
    }
    throw Error(ErrorCode::usage,
                fmt::format("{} refuses {}x{} {} with these settings: {}", settings.request.codec,
                            settings.picture.width, settings.picture.height, core::name(settings.picture.format),
                            text.empty() ? error_text(result) : text));
}

void close_encoder(CodecHandle context, std::int64_t frames_sent) {
    if (!context || std::string_view(context->codec->name) != "libsvtav1") return;
    // SVT-AV1 (1.4) waits for ever when it is closed before it saw a picture and the end.
    if (frames_sent == 0) {
        const FrameHandle frame = allocate_frame();
        frame->format = context->pix_fmt;
        frame->width = context->width;
        frame->height = context->height;
        frame->pts = 0;
        if (av_frame_get_buffer(frame.get(), 0) < 0 || avcodec_send_frame(context.get(), frame.get()) < 0) return;
    }
    avcodec_send_frame(context.get(), nullptr);
    const PacketHandle packet = allocate_packet();
    while (avcodec_receive_packet(context.get(), packet.get()) >= 0) av_packet_unref(packet.get());
}

void try_encoder(const EncoderSettings& settings) {
    // Opening SVT-AV1 means encoding a picture: its settings are tried when the first instance is made.
    if (settings.request.codec == "libsvtav1") {
        static_cast<void>(configure_encoder(settings));
        return;
    }
    EncoderSettings small = settings;
    if (device::on_host(settings.device)) {  // chips have least and largest sizes
        small.picture.width = std::min(small.picture.width, 64);
        small.picture.height = std::min(small.picture.height, 64);
    }
    static_cast<void>(open_encoder(small));
}

}  // namespace millrace::media::ffmpeg
