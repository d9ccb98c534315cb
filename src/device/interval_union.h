#pragma once
// How long at least one of many intervals lasted.

#include <cstdint>
#include <vector>

namespace millrace::device {

/// Adds up the union of intervals that come in roughly, not exactly, in order of time, in bounded memory: what was long
/// ago is folded into the sum, and later arrivals count only from there on. Units are the caller's.
class IntervalUnion {
  public:
    /// Keeps up to `window` intervals apart before the older half is folded.
    explicit IntervalUnion(std::size_t window = std::size_t{1} << 20U) : window_(window) {}

    /// [begin, end); nothing where end <= begin.
    void add(std::uint64_t begin, std::uint64_t end);
    /// The length of the union of all that was added.
    [[nodiscard]] std::uint64_t total();

  private:
    struct Interval {
        std::uint64_t begin;
        std::uint64_t end;
    };
    void fold(std::size_t count);
    void tidy();

    std::size_t window_;
    std::vector<Interval> kept_;
    std::uint64_t folded_ = 0;  ///< length of the union before `horizon_`
    std::uint64_t horizon_ = 0;
};

}  // namespace millrace::device
