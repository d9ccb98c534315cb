#pragma once
// What was found out about an engine, kept with it.

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "infer/closeness.h"

namespace millrace::infer {

struct EngineRecord {
    Verdict verdict;         ///< how far it is from the model as its file has it
    bool on_frames = false;  ///< of a video was that found out; else on test patterns
    /// What the verdict holds for besides the engine's key, by name.
    std::map<std::string, std::string> holds_for;
    /// Seconds a run: of the engine by its provider's name, of what else the model could run on by its whole choice.
    /// Empty: not measured.
    std::map<std::string, double> seconds;
};

/// Write it into an engine's folder, among its timings: it is no part of what the engine computes. Appears whole or not
/// at all, also in a folder that others read. Throws Error(failed).
void save_record(const EngineRecord& record, const std::filesystem::path& folder);

/// nullopt: the engine has none.
[[nodiscard]] std::optional<EngineRecord> load_record(const std::filesystem::path& folder);

}  // namespace millrace::infer
