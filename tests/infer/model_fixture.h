#pragma once
// Models and tensors for the tests of this room.

#include <filesystem>
#include <string>
#include <vector>

#include "device/tensor.h"
#include "infer/model.h"
#include "support/temporary_folder.h"

namespace millrace::infer {

using Tensors = std::vector<device::Tensor>;

/// A request for one of the tiny models of tests/models/make_models.py, with the runtime that scripts/setup put there,
/// on one thread.
[[nodiscard]] ModelRequest test_request(const std::string& file);

/// One host tensor for each description, zeroed.
[[nodiscard]] Tensors lease_all(const std::vector<core::TensorDesc>& descs);

/// A folder of its own, removed with everything in it.
class TemporaryFolder {
  public:
    [[nodiscard]] std::filesystem::path path() const { return folder_.path(); }
    /// Writes `text` into `name`, and returns where.
    std::string write(const std::string& name, const std::string& text) const;
    /// A copy of one of the tiny models.
    [[nodiscard]] ModelRequest copy_of(const std::string& model) const;

  private:
    test::TemporaryFolder folder_;
};

/// Bytes of a file.
[[nodiscard]] std::string read_all(const std::filesystem::path& path);

/// Runs a script of the Python that scripts/setup made, and returns what it prints. Throws when it fails.
std::string run_python(const std::string& script);

}  // namespace millrace::infer
