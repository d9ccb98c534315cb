#pragma once
// Files whose contents survive a crash once they are said to be written.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipeline {

enum class OpenMode { truncate, append };

/// A file being written, buffered. Errors throw Error(no_space) for a full disk, else Error(failed), naming the file.
/// Not thread-safe.
class DurableFile {
  public:
    DurableFile(std::string path, OpenMode mode);
    DurableFile(const DurableFile&) = delete;
    DurableFile& operator=(const DurableFile&) = delete;
    DurableFile(DurableFile&& other) noexcept;
    DurableFile& operator=(DurableFile&&) = delete;
    /// Closes; what was not synced may be lost.
    ~DurableFile();

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text);
    /// Hand all bytes to the disk and wait for it.
    void sync();
    /// Take the whole file for this process. False when another process has it.
    [[nodiscard]] bool try_lock();
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    void flush();

    std::string path_;
    int descriptor_ = -1;
    std::vector<std::byte> buffer_;
};

/// Rename, and sync the folder so that the new name survives a crash. To another file system the file is copied beside
/// the target first ("<to>.part"): the target's name appears with the whole file either way.
void durable_rename(const std::string& from, const std::string& to);

/// The error for a failed system call on `path`: no_space for a full disk or quota, else failed.
[[noreturn]] void throw_file_error(const std::string& path, const char* action, int error_number);

}  // namespace millrace::pipeline
