#include <nlohmann/json.hpp>

#include "device/cuda/probe.h"
#include "engine/version.h"
#include "infer/session.h"
#include "media/library.h"
#include "millrace/engine.h"

namespace millrace {

namespace engine {

std::string version() { return MILLRACE_VERSION; }

}  // namespace engine

std::string versions_json() {
    const nlohmann::json body{{"millrace", engine::version()},
                              {"ffmpeg", media::library_version()},
                              {"cuda", device::cuda_build_description()}};
    return body.dump(2);
}

}  // namespace millrace
