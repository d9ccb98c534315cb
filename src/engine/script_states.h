#pragma once
// What a sequential script knew at the ends of segments, so that an interrupted run need not begin at the start.

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace millrace::engine {

/// Files in the job's work folder, beside the segments. Thread-safe.
class ScriptStates {
  public:
    /// Finds what an earlier run kept. `unfinished`: segments that are to be worked on.
    ScriptStates(std::string folder, std::set<int> unfinished);

    /// The state at the end of `segment`; safe from any crash when this returns. Older ones go, but for the last two
    /// that the first unfinished segment can be begun with. Throws Error(no_space | failed).
    void keep(int segment, std::string_view state);
    void finished(int segment);
    /// There is one more to be worked on than was known at first.
    void begun(int segment);

    /// The last segment before `segment` whose state is there.
    [[nodiscard]] std::optional<int> last_before(int segment) const;
    [[nodiscard]] std::string read(int segment) const;

  private:
    [[nodiscard]] std::string path(int segment) const;
    void drop_old();

    std::string folder_;
    mutable std::mutex mutex_;
    std::set<int> unfinished_;
    std::set<int> kept_;
};

}  // namespace millrace::engine
