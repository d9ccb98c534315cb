#include "engine/script.h"

namespace millrace::engine {

std::unique_ptr<LoadedModel> load_script(const Job& job, const Script& script, const core::PictureDesc& video) {
    auto loaded = std::make_unique<LoadedModel>();
    loaded->model = infer::describe_script(script.description, {job.input.path, video}, job.model.batch);
    loaded->asked_batch = loaded->model.batch;
    loaded->parameters = script.description.parameters;
    loaded->runtime.version = script.description.runtime;
    return loaded;
}

}  // namespace millrace::engine
