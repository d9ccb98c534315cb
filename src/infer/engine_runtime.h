#pragma once
// Runtimes that run engines.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "infer/engine_cache.h"
#include "infer/session.h"

namespace millrace::infer {

/// What an engine is for. Borrowed; `request` names one GPU.
struct EngineJob {
    const ModelRequest& request;  ///< its choice and its engine are not read
    const ModelDescription& model;
    Size input;
};

/// Told while an engine is built, in the thread that builds it, how many of how many pieces are done.
using BuildProgress = std::function<void(int done, int total)>;

/// What builds engines and runs them: TensorRT, fused layers; in tests something that takes its place.
class EngineRuntime {
  public:
    virtual ~EngineRuntime() = default;
    /// "TensorRT 10.13.3"
    [[nodiscard]] virtual std::string version() const = 0;
    /// What its sessions say of themselves.
    [[nodiscard]] virtual Provider provider() const = 0;
    /// Write an engine into `folder`, which is there. Takes minutes, and cannot be stopped. Who does not know how far
    /// it is tells nothing. Throws Error.
    virtual void build(const EngineJob& job, const std::filesystem::path& folder, const BuildProgress& progress) = 0;
    /// A session that runs the engine in `folder`, as make_session() makes it. Throws Error.
    [[nodiscard]] virtual std::unique_ptr<Session> load(const EngineJob& job, const std::filesystem::path& folder) = 0;
};

/// Everything that an engine for `job` depends on. `runtime`: RuntimeInfo::version; `device`: its kind.
[[nodiscard]] EngineKey engine_key(const EngineJob& job, const EngineRuntime& engines, const std::string& runtime,
                                   const std::string& device);

/// What a request says that runs an engine of `engines`: choice and folder.
[[nodiscard]] ModelRequest with_engine(const ModelRequest& request, const EngineRuntime& engines,
                                       const std::filesystem::path& folder);

/// TensorRT through ONNX Runtime. Throws Error(failed) that names the library that is missing and says what to do.
[[nodiscard]] std::unique_ptr<EngineRuntime> load_tensorrt(const std::string& runtime_library);

/// Fused layers on cuDNN, which is looked for beside the runtime library too. Throws Error(failed) that says what to
/// install.
[[nodiscard]] std::unique_ptr<EngineRuntime> load_fused(const std::string& runtime_library);

}  // namespace millrace::infer
