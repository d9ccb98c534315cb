#pragma once
// What was found out about an engine when it was built, kept with it.

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "infer/closeness.h"

namespace millrace::infer {

struct EngineRecord {
    Verdict verdict;  ///< how far it is from the model as its file has it, on the input that it was built for
    /// Seconds a run: of the engine by its provider's name, of what else the model could run on by its whole choice.
    /// Empty: not measured.
    std::map<std::string, double> seconds;
};

/// Write it into an engine's folder, among its timings: it is no part of what the engine computes. Throws
/// Error(failed).
void save_record(const EngineRecord& record, const std::filesystem::path& folder);

/// nullopt: the engine has none.
[[nodiscard]] std::optional<EngineRecord> load_record(const std::filesystem::path& folder);

}  // namespace millrace::infer
