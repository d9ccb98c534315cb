#pragma once
// millrace.Writer's engine.

#include <nanobind/nanobind.h>

#include <memory>
#include <string>

#include "engine/frame_writer.h"

namespace millrace::python {

/// What frames are, from the JSON that millrace/_writer.py has checked.
void declare_frames(engine::WriterJob& writer, const std::string& declaration);

/// A `Writer` of the module, for one that is open.
[[nodiscard]] nanobind::object writer_handle(std::shared_ptr<engine::FrameWriter> writer);

void define_writer(nanobind::module_& module);

}  // namespace millrace::python
