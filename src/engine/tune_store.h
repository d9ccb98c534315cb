#pragma once
// What tuning found, kept on disk for later runs: one small JSON file a model, shape and device.

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "engine/tune_settings.h"

namespace millrace::engine {

/// Names and values.
using TuneNames = std::map<std::string, std::string>;

/// What is tuned for, by name: model, shapes, device, cores. Another value of any is another file.
struct TuneKey {
    TuneNames place;
    TuneNames versions;  ///< of what computes; others make what is stored outdated
};

struct StoredTuning {
    TunedSettings settings;
    std::string encoder;  ///< that the lanes are for
    double at = 0;        ///< when it was measured, seconds since 1970
    std::string path;
};

/// What the store has. Without a tuning, `problem` says why one that is there is not taken; empty where none is.
struct FoundTuning {
    std::optional<StoredTuning> tuning;
    std::string problem;
};

/// A folder, shared by processes: a file appears whole or not at all, the last one written counts. Layout: NAME.json.
class TuneStore {
  public:
    explicit TuneStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// Never throws for what lies there: what cannot be read is a problem to be told.
    [[nodiscard]] FoundTuning find(const TuneKey& key) const;

    /// Of `tuning` settings and encoder. `measured` is kept beside, for people. Returns the file's path. Makes the
    /// folder. Throws Error(failed | no_space) naming it.
    std::string save(const TuneKey& key, const StoredTuning& tuning, const nlohmann::json& measured) const;

  private:
    [[nodiscard]] std::filesystem::path path_of(const TuneKey& key) const;

    std::filesystem::path folder_;
};

}  // namespace millrace::engine
