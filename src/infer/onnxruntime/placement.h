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
    /// As if no line had come yet.
    void forget();
    /// One line of the log.
    void read(std::string_view line);

    /// Kinds of nodes on a provider with their number, as "3 nodes (Loop, NonZero x 2)"; "" where the log told none.
    [[nodiscard]] std::string on_cpu() const { return on("CPUExecutionProvider"); }
    [[nodiscard]] std::string on_cuda() const { return on("CUDAExecutionProvider"); }

  private:
    using Kinds = std::map<std::string, int>;
    [[nodiscard]] std::string on(const std::string& provider) const;

    mutable std::mutex mutex_;
    Kinds* listing_ = nullptr;  ///< the lines that come are nodes of these
    std::map<std::string, Kinds> providers_;
};

}  // namespace millrace::infer::ort
