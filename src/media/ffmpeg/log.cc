// FFmpeg's log lines and error codes.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/error.h>
#include <libavutil/log.h>
}

#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "core/log.h"
#include "media/ffmpeg/convert.h"
#include "media/ffmpeg/log_capture.h"

namespace millrace::media::ffmpeg {

namespace {

// The one sign of a concealed picture that no thread of libavcodec can lose: the flags of a frame are copied before the
// thread that decodes it has ended.
void count_concealed(void* context, const char* format) {
    if (context == nullptr || !std::string_view(format).starts_with("concealing ")) return;
    if (*static_cast<const AVClass**>(context) != avcodec_get_class()) return;
    void* counter = static_cast<AVCodecContext*>(context)->opaque;
    if (counter != nullptr) ++*static_cast<std::atomic<std::int64_t>*>(counter);
}

// FFmpeg calls this from its own threads; core::log is thread-safe.
void write_line(void* context, int level, const char* format, std::va_list arguments) {
    count_concealed(context, format);
    const bool wanted = core::log::enabled(core::log::Level::debug);
    if (level > AV_LOG_WARNING || !(wanted || LogCapture::active())) return;
    std::array<char, 1024> line{};
    int print_prefix = 1;
    av_log_format_line2(context, level, format, arguments, line.data(), static_cast<int>(line.size()), &print_prefix);
    LogCapture::add(line.data());
    if (!wanted) return;
    std::string_view text(line.data());
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    core::log::debug("ffmpeg: {}", text);
}

}  // namespace

void route_log() {
    static std::once_flag once;
    std::call_once(once, [] { av_log_set_callback(write_line); });
}

std::string error_text(int code) {
    std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
    av_strerror(code, text.data(), text.size());
    return text.data();
}

}  // namespace millrace::media::ffmpeg
