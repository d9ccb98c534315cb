#pragma once
// Which provider the runtime gave a model's nodes to.

#include <onnxruntime_cxx_api.h>

#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace millrace::infer::ort {

/// Reads a session's log while it is loaded: that is where the runtime tells. Outlives the session. Thread-safe.
class Placement {
  public:
    /// Have `options`' session tell its placement. Its log goes nowhere else.
    void listen(Ort::SessionOptions& options);
    /// One line of the log.
    void read(std::string_view line);

    /// Kinds of nodes on the CPU with their number, as "3 nodes (Loop, NonZero x 2)"; "" where the log told none.
    [[nodiscard]] std::string on_cpu() const;

  private:
    mutable std::mutex mutex_;
    bool listing_ = false;  ///< the lines that come are nodes on the CPU
    std::map<std::string, int> on_cpu_;
};

}  // namespace millrace::infer::ort
