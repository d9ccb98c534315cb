#pragma once
// Engines that take minutes to build, kept on disk for later runs: built once, by one process at a time, and trusted
// only when they are whole and were seen to compute the right thing.

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <utility>

namespace millrace::infer {

/// Everything that an engine depends on, by name: the model's hash, input shape, precision, device, versions. Another
/// value of any is another engine.
using EngineKey = std::map<std::string, std::string>;

/// A folder within an engine's: times that were measured while it was built. An engine runs without them. When it is
/// damaged and they are not, the next one is built with them, sooner, and mostly with the same kernels.
inline constexpr const char* timings = "timings";

/// What builds engines. Called with the cache locked; may take minutes.
class EngineBuilder {
  public:
    virtual ~EngineBuilder() = default;
    /// Write the engine's files into `folder`, which is there and empty, but for `timings` where an earlier engine for
    /// the same key left some. Throws Error.
    virtual void build(const std::filesystem::path& folder) = 0;
    /// Run what was built in `folder`. "" where its results are right, else a sentence on how far off they are.
    virtual std::string check(const std::filesystem::path& folder) = 0;
};

/// What the cache has for a key. missing: nothing, or something damaged. refused: it was built and its results were
/// wrong; it is not tried again. busy: another process holds the cache.
enum class EngineStatus { missing, ready, refused, busy };

struct Engine {
    EngineStatus status = EngineStatus::missing;
    std::filesystem::path folder;  ///< of a ready one; nobody writes there but among timings
    std::string digest;            ///< of a ready one: its files' names and bytes but `timings`, 16 hexadecimal digits
    std::string reason;            ///< of a refused one
};

enum class WhileBusy { wait, give_up };

/// A folder of engines, shared by processes on one machine. Layout: DIGEST/ (an engine's files and its manifest),
/// DIGEST.building/ (unfinished, removed by the next builder), lock. Thread-safe; of several threads one builds.
class EngineCache {
  public:
    /// The folder is made when the first engine is built.
    explicit EngineCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// What is there now; never busy. Reads every byte of an engine to see that it is whole.
    [[nodiscard]] Engine find(const EngineKey& key) const;

    /// What is there, else what `builder` makes: ready, or refused by its check. An engine appears whole or not at all:
    /// a process that dies while building leaves nothing that find() takes. Throws Error(failed) where the folder
    /// cannot be used, what the builder throws (nothing is kept then), Error(interrupted) when `stop` ends the wait for
    /// another process.
    Engine build(const EngineKey& key, EngineBuilder& builder, WhileBusy busy, const std::stop_token& stop = {});

  private:
    std::filesystem::path folder_;
};

}  // namespace millrace::infer
