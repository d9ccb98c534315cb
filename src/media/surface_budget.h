#pragma once
// Device memory that NVDEC decodes into.

#include <cstddef>
#include <mutex>

namespace millrace::media {

/// Bytes that the decoders of one run may take for their surfaces on one device; they share it. Thread-safe.
class SurfaceBudget {
  public:
    explicit SurfaceBudget(std::size_t bytes) : bytes_(bytes) {}

    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t used() const {
        const std::scoped_lock lock(mutex_);
        return used_;
    }
    /// False, and nothing taken, where they do not fit beside what is in use and `beside` more.
    [[nodiscard]] bool take(std::size_t bytes, std::size_t beside = 0) {
        const std::scoped_lock lock(mutex_);
        if (used_ + beside + bytes > bytes_) return false;
        used_ += bytes;
        return true;
    }
    void give_back(std::size_t bytes) {
        const std::scoped_lock lock(mutex_);
        used_ -= bytes;
    }

  private:
    std::size_t bytes_;
    mutable std::mutex mutex_;
    std::size_t used_ = 0;
};

}  // namespace millrace::media
