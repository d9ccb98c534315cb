#include "media/ffmpeg/log_capture.h"

#include <string_view>

namespace millrace::media::ffmpeg {

namespace {

thread_local LogCapture* innermost = nullptr;

}  // namespace

LogCapture::LogCapture() : outer_(innermost) { innermost = this; }

LogCapture::~LogCapture() { innermost = outer_; }

bool LogCapture::active() { return innermost != nullptr; }

void LogCapture::add(const char* line) {
    if (innermost == nullptr) return;
    std::string_view text(line);
    while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.remove_suffix(1);
    if (text.empty() || innermost->text_.find(text) != std::string::npos) return;
    if (!innermost->text_.empty()) innermost->text_ += "; ";
    innermost->text_ += text;
}

}  // namespace millrace::media::ffmpeg
