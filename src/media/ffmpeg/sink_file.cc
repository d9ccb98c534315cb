#include "media/ffmpeg/sink_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>

#include "core/error.h"
#include "media/ffmpeg/convert.h"

namespace millrace::media::ffmpeg {

namespace {

using core::Error;
using core::ErrorCode;

constexpr int buffer_bytes = 1 << 18;

bool is_full(int error) { return error == ENOSPC || error == EDQUOT; }

std::string megabytes(std::int64_t bytes) {
    return bytes < 10'000'000 ? fmt::format("{} bytes", bytes) : fmt::format("{} MB", bytes / 1'000'000);
}

int open_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    // What can only be written to, such as a pipe with a name, is asked for that.
    if (descriptor < 0 && errno == EACCES) return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return descriptor;
}

[[noreturn]] void throw_unmakable(const std::string& path, int error) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    const std::string in = folder.empty() ? "." : folder;
    if (is_full(error)) {
        throw Error(ErrorCode::no_space,
                    fmt::format("{}: cannot be made: the disk is full; free some and run again", path));
    }
    if (error == ENOENT) {
        throw Error(ErrorCode::failed,
                    fmt::format("{}: cannot be made: there is no folder {}; make it first", path, in));
    }
    if (error == EACCES || error == EROFS || error == EPERM) {
        throw Error(ErrorCode::failed, fmt::format("{}: cannot be made: {} may not be written to ({})", path, in,
                                                   std::generic_category().message(error)));
    }
    throw Error(ErrorCode::failed, fmt::format("{}: cannot be made: {}", path, std::generic_category().message(error)));
}

#if LIBAVFORMAT_VERSION_MAJOR >= 61
using WriteData = const std::uint8_t;
#else
using WriteData = std::uint8_t;
#endif

}  // namespace

OutputFile::OutputFile(const std::string& path, std::int64_t expected_bytes)
    : name_(path == "-" ? "standard output" : path), expected_bytes_(expected_bytes), owned_(path != "-") {
    descriptor_ = owned_ ? open_file(path) : STDOUT_FILENO;
    if (descriptor_ < 0) throw_unmakable(path, errno);
    struct stat status{};
    const bool seekable = owned_ && ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
    auto* buffer = static_cast<std::uint8_t*>(av_malloc(buffer_bytes));
    const auto write = [](void* opaque, WriteData* data, int size) { return write_callback(opaque, data, size); };
    if (buffer != nullptr) {
        io_ = avio_alloc_context(buffer, buffer_bytes, 1, this, nullptr, write, seekable ? seek_callback : nullptr);
    }
    if (io_ == nullptr) {
        av_free(buffer);
        if (owned_) ::close(descriptor_);
        throw std::bad_alloc();
    }
}

OutputFile::~OutputFile() {
    if (io_ != nullptr) {
        av_freep(static_cast<void*>(&io_->buffer));
        avio_context_free(&io_);
    }
    if (owned_ && descriptor_ >= 0) ::close(descriptor_);
}

int OutputFile::write_all(const void* data, std::size_t bytes) {
    const auto* from = static_cast<const std::byte*>(data);
    std::size_t left = bytes;
    while (left > 0) {
        const ssize_t count = ::write(descriptor_, from, left);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            if (failure_ == 0) {
                failure_ = count < 0 ? errno : EIO;
                failed_bytes_ = left;
            }
            return AVERROR(failure_);
        }
        from += count;
        left -= static_cast<std::size_t>(count);
        written_ += count;
    }
    return 0;
}

int OutputFile::write_callback(void* opaque, const std::uint8_t* data, int size) {
    auto* file = static_cast<OutputFile*>(opaque);
    const int result = file->write_all(data, static_cast<std::size_t>(size));
    return result < 0 ? result : size;
}

std::int64_t OutputFile::seek_callback(void* opaque, std::int64_t offset, int whence) {
    const auto* file = static_cast<OutputFile*>(opaque);
    if ((whence & AVSEEK_SIZE) != 0) {
        struct stat status{};
        return ::fstat(file->descriptor_, &status) == 0 ? status.st_size : AVERROR(errno);
    }
    const off_t at = ::lseek(file->descriptor_, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

void OutputFile::append(const void* data, std::size_t bytes) { check(write_all(data, bytes), "writing"); }

void OutputFile::throw_failure(const char* doing) const {
    if (is_full(failure_)) {
        struct statvfs space{};
        std::string room;
        if (::fstatvfs(descriptor_, &space) == 0 && space.f_blocks > 0) {
            room = fmt::format(", {} are free", megabytes(static_cast<std::int64_t>(space.f_bavail * space.f_frsize)));
        }
        const std::int64_t more =
            expected_bytes_ > written_ ? expected_bytes_ - written_ : static_cast<std::int64_t>(failed_bytes_);
        const std::string needed =
            expected_bytes_ > written_ ? "about " + megabytes(more) : "at least " + megabytes(more);
        throw Error(ErrorCode::no_space,
                    fmt::format("{}: the disk is full after {}; {} more are needed{}; free some and run again", name_,
                                megabytes(written_), needed, room));
    }
    if (failure_ == EPIPE) {
        throw Error(ErrorCode::failed,
                    fmt::format("{}: whoever read it closed it after {}", name_, megabytes(written_)));
    }
    throw Error(ErrorCode::failed, fmt::format("{}: {} failed after {}: {}", name_, doing, megabytes(written_),
                                               std::generic_category().message(failure_)));
}

void OutputFile::check(int result, const char* doing) const {
    if (failure_ != 0) throw_failure(doing);
    if (result >= 0) return;
    throw Error(ErrorCode::failed, fmt::format("{}: {} failed: {}", name_, doing, error_text(result)));
}

void OutputFile::start_writeback() {
    avio_flush(io_);
    check(io_->error, "writing");
    // Not everything that can be written to has this; what is lost on the way is close()'s to find.
    if (owned_) (void)::sync_file_range(descriptor_, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void OutputFile::close() {
    avio_flush(io_);
    check(io_->error, "writing");
    if (!owned_) return;
    const bool synced = ::fsync(descriptor_) == 0 || errno == EINVAL || errno == EROFS;  // not on pipes and devices
    if (!synced) {
        failure_ = errno;
        throw_failure("writing to the disk");
    }
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0 && errno != EINTR) {
        failure_ = errno;
        throw_failure("closing");
    }
}

}  // namespace millrace::media::ffmpeg
