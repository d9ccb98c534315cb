#pragma once
// The file under a muxer, with errors that say what happened.

#include <cstdint>
#include <string>

#include "media/ffmpeg/handles.h"

namespace millrace::media::ffmpeg {

/// A file open for writing, or standard output ("-"). Not thread-safe.
class OutputFile {
  public:
    /// Makes the file, empty. `expected_bytes`: about how large it will be, 0 unknown; only for messages.
    /// Throws Error(failed | no_space).
    OutputFile(const std::string& path, std::int64_t expected_bytes);
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile();

    /// For a muxer. Seeks where the file can.
    [[nodiscard]] AVIOContext* io() const { return io_; }

    /// Write bytes at the end, past any muxer.
    void append(const void* data, std::size_t bytes);

    /// Throws the failure behind FFmpeg's `result` when that is negative or a write failed unseen: Error(no_space) when
    /// the disk is full, else Error(failed); `doing` says what was attempted.
    void check(int result, const char* doing) const;

    /// Flush, and have the system begin to bring a file to the disk. Throws as check() what the flush met.
    void start_writeback();

    /// Flush, and for a file fsync, then close. Throws as check().
    void close();

  private:
    static int write_callback(void* opaque, const std::uint8_t* data, int size);
    static std::int64_t seek_callback(void* opaque, std::int64_t offset, int whence);
    [[nodiscard]] int write_all(const void* data, std::size_t bytes);
    [[noreturn]] void throw_failure(const char* doing) const;

    std::string name_;
    std::int64_t expected_bytes_;
    int descriptor_ = -1;
    bool owned_ = true;
    AVIOContext* io_ = nullptr;
    int failure_ = 0;           // errno of the first write that failed
    std::int64_t written_ = 0;  // bytes handed to the system
    std::size_t failed_bytes_ = 0;
};

}  // namespace millrace::media::ffmpeg
