#pragma once
// Which line of a script asked for which copies, and what they came to.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::device {

/// up: host to device; down: device to host; across: within a device, or from another.
enum class CopyDirection { up, down, across };

/// A copy that a device has made. Times in nanoseconds.
struct CopyRecord {
    std::uint32_t call = 0;          ///< CUPTI's number of the call that asked for it
    std::uint32_t runtime_call = 0;  ///< of the runtime's call around that; 0: none
    CopyDirection direction = CopyDirection::up;
    std::uint64_t bytes = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

struct LineCopies {
    std::string line;
    CopyDirection direction = CopyDirection::up;
    std::int64_t count = 0;
    std::uint64_t bytes = 0;
    double seconds = 0;  ///< of all copies, though some may have run side by side
};

/// While it lives, copies that its thread asks for are the engine's own, which no ledger looks at.
class OwnCopies {
  public:
    OwnCopies() { ++count; }
    ~OwnCopies() { --count; }
    OwnCopies(const OwnCopies&) = delete;
    OwnCopies& operator=(const OwnCopies&) = delete;
    OwnCopies(OwnCopies&&) = delete;
    OwnCopies& operator=(OwnCopies&&) = delete;

    [[nodiscard]] static bool any() { return count > 0; }

  private:
    inline static thread_local int count = 0;
};

/// Puts calls for copies, the lines that made them and the device's records of them together, which come in that
/// order but for the last, which may overtake the line. Thread-safe.
///
/// A call comes while its thread is deep in native code, from where its line cannot be read. So the script's thread is
/// asked to say where it is as soon as it runs Python again; all calls until then are that line's.
class CopyLedger {
  public:
    /// Made on the script's thread: copies that others ask for are not looked at. `ask` is called there, and has
    /// named() called there later; false: not possible now.
    explicit CopyLedger(std::function<bool()> ask);

    /// A copy is about to be asked for by the calling thread.
    void called(std::uint32_t call);
    /// Where the script stands; empty: not in the script, whose copies these were not.
    void named(const std::string& line);
    void done(const CopyRecord& record);

    /// The most bytes first.
    [[nodiscard]] std::vector<LineCopies> report() const;

  private:
    struct Sums {
        std::int64_t count = 0;
        std::uint64_t bytes = 0;
        std::uint64_t time = 0;
    };
    [[nodiscard]] const std::string* line_of(std::uint32_t call) const;
    void add(const CopyRecord& record, const std::string& line);
    void forget_old();

    const std::thread::id thread_ = std::this_thread::get_id();
    std::function<bool()> ask_;
    mutable std::mutex mutex_;
    bool asking_ = false;                                ///< named() will be called
    std::vector<std::uint32_t> unnamed_;                 ///< calls, ascending
    std::vector<CopyRecord> early_;                      ///< of such calls
    std::map<std::uint32_t, const std::string*> lines_;  ///< of calls; where the text stands in sums_
    std::map<std::string, std::map<CopyDirection, Sums>> sums_;
};

}  // namespace millrace::device
