#pragma once
// What FFmpeg says while one of our calls runs.

#include <string>

namespace millrace::media::ffmpeg {

/// While it lives, warnings and errors that FFmpeg logs on this thread are kept in text(), each line once, and go to
/// the log as always. Needs route_log(). Captures nest; the innermost keeps the lines.
class LogCapture {
  public:
    LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    ~LogCapture();

    /// Lines joined by "; ", without line ends.
    [[nodiscard]] const std::string& text() const { return text_; }

    /// The log's callback hands every line here; true while a capture lives on this thread.
    static bool active();
    static void add(const char* line);

  private:
    std::string text_;
    LogCapture* outer_;
};

}  // namespace millrace::media::ffmpeg
