#pragma once
// The plans of a net's layers, kept in an engine's folder.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::infer::fused {

/// How one kind of layer is computed.
struct StoredPlan {
    std::vector<std::uint8_t> bytes;  ///< as cuDNN saves it; empty: it has no plan for this
    std::string name;                 ///< of cuDNN's engine and its settings
    double seconds = 0;               ///< a run, measured when it was chosen
};

/// Plans by what they compute. A folder holds plans.json, which names the files beside it. Whether files are whole is
/// the engine cache's matter.
class PlanStore {
  public:
    PlanStore() = default;
    /// What `folder` holds; empty where it has no plans.json, or no name. Throws Error(failed): it cannot be read.
    explicit PlanStore(const std::filesystem::path& folder);

    /// null: none.
    [[nodiscard]] const StoredPlan* find(const std::string& signature) const;
    const StoredPlan& add(const std::string& signature, StoredPlan plan);
    [[nodiscard]] bool empty() const { return plans_.empty(); }
    /// Throws Error(failed).
    void save(const std::filesystem::path& folder) const;

  private:
    std::map<std::string, StoredPlan> plans_;
};

}  // namespace millrace::infer::fused
