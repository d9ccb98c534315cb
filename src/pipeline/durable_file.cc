#include "pipeline/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.h"

namespace millrace::pipeline {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 16U;
constexpr int permissions = 0644;

void sync_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw_file_error(path, "open", errno);
    const int failed = ::fsync(descriptor) != 0 ? errno : 0;
    ::close(descriptor);
    if (failed != 0) throw_file_error(path, "sync", failed);
}

// To another file system: the copy grows beside the target, whose name still appears with the whole file.
void move_across(const std::string& from, const std::string& to) {
    const std::string part = to + ".part";
    std::error_code error;
    std::error_code ignored;
    std::filesystem::copy_file(from, part, std::filesystem::copy_options::overwrite_existing, error);
    if (error) {
        std::filesystem::remove(part, ignored);
        throw_file_error(to, "copy into place", error.value());
    }
    sync_file(part);
    if (std::rename(part.c_str(), to.c_str()) != 0) throw_file_error(to, "put in place", errno);
    std::filesystem::remove(from, ignored);
}

}  // namespace

void throw_file_error(const std::string& path, const char* action, int error_number) {
    const bool full = error_number == ENOSPC || error_number == EDQUOT;
    const char* advice = full ? "; free some space and run the same command to continue" : "";
    throw core::Error(full ? core::ErrorCode::no_space : core::ErrorCode::failed,
                      fmt::format("{}: cannot {}: {}{}", path, action, std::strerror(error_number), advice));
}

DurableFile::DurableFile(std::string path, OpenMode mode) : path_(std::move(path)) {
    const int how = mode == OpenMode::append ? O_APPEND : O_TRUNC;
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | how, permissions);
    if (descriptor_ < 0) throw_file_error(path_, "create", errno);
    buffer_.reserve(buffer_bytes);
}

DurableFile::DurableFile(DurableFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      buffer_(std::move(other.buffer_)) {}

DurableFile::~DurableFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void DurableFile::write(std::span<const std::byte> bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    if (buffer_.size() >= buffer_bytes) flush();
}

void DurableFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void DurableFile::flush() {
    std::size_t done = 0;
    while (done < buffer_.size()) {
        const ssize_t written = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw_file_error(path_, "write", errno);
        done += static_cast<std::size_t>(written);
    }
    buffer_.clear();
}

void DurableFile::sync() {
    flush();
    if (::fsync(descriptor_) != 0) throw_file_error(path_, "sync", errno);
}

bool DurableFile::try_lock() {
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno == EWOULDBLOCK) return false;
    throw_file_error(path_, "lock", errno);
}

void durable_rename(const std::string& from, const std::string& to) {
    if (std::rename(from.c_str(), to.c_str()) != 0) {
        if (errno != EXDEV) throw_file_error(to, "put in place", errno);
        move_across(from, to);
    }
    std::filesystem::path folder = std::filesystem::path(to).parent_path();
    if (folder.empty()) folder = ".";
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;  // some file systems let nobody open a folder; the rename itself is done
    ::fsync(descriptor);
    ::close(descriptor);
}

}  // namespace millrace::pipeline
