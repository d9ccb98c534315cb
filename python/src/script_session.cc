#include "script_session.h"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/planes.h"
#include "device/buffer_pool.h"
#include "frame_tensor.h"
#include "infer/shapes.h"
#include "ops/bytes.h"
#include "raised.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

/// `rate`: pictures that an earlier script made of each. Those between two frames have no pts in the input's ticks.
nb::list frames_of(std::span<const infer::FrameStamp> stamps, int rate) {
    nb::list frames;
    for (const infer::FrameStamp& stamp : stamps) {
        for (int picture = 0; picture < rate; ++picture) {
            const bool between = picture > 0 || stamp.pts == core::no_pts;
            const nb::object pts = between ? nb::none() : nb::object(nb::int_(stamp.pts));
            frames.append(nb::make_tuple(stamp.frame, pts, stamp.seconds, stamp.segment));
        }
    }
    return frames;
}

nb::tuple shape_of(const core::TensorDesc& desc) {
    nb::list extents;
    for (std::size_t i = 1; i < desc.shape.size(); ++i) extents.append(desc.shape[i]);
    return nb::tuple(extents);
}

}  // namespace

void load_script(const std::string& path, nb::handle hooks, const std::string& state, CallThread& calls) {
    calls.call([&] { raised_as_errors(path, [&] { hooks.attr("load")(nb::bytes(state.data(), state.size())); }); });
}

void end_script(const std::string& path, nb::handle hooks, CallThread& calls) {
    calls.call([&] { raised_as_errors(path, [&] { hooks.attr("end")(); }); });
}

ScriptSession::ScriptSession(const infer::ScriptDescription& script, const ScriptPlace& place, nb::handle hooks,
                             CallThread& calls)
    : model_(place.model),
      dtype_(infer::frames_dtype(script, place.model)),
      inputs_{infer::picture_input_desc(model_, place.input)},
      steps_(infer::script_step_descs(script, model_, place.input)),
      outputs_{infer::script_output_desc(script, model_, place.input)},
      hooks_(hooks),
      calls_(calls),
      frames_(place.device, steps_.size()) {
    const std::string device = device::to_string(place.device);
    const std::string format = model_.planes ? core::name(core::planar(model_.planes->format)) : "";
    calls_.call([&] {
        raised_as_errors(model_.path, [&] {
            hooks_.attr("setup")(place.input.width, place.input.height, device, model_.batch, format);
        });
    });
}

ScriptSession::~ScriptSession() {
    try {
        calls_.call([this] { frames_.drop_all(); });
    } catch (const core::Error& error) {  // the device is lost, which is said already
        core::log::debug("{}", error.what());
    }
}

void ScriptSession::run([[maybe_unused]] device::StreamRef stream, const infer::RunTensors& tensors) {
    assert(stream == frames_.stream());
    const std::unique_lock in_call = frames_.in_call();
    calls_.call([&] {
        frames_.look_after(model_.path);
        raised_as_errors(model_.path, [&] { process(tensors); });
    });
}

void ScriptSession::process(const infer::RunTensors& tensors) {
    device::Tensor input = handed_over(tensors.inputs.front());
    std::size_t step = 0;
    nb::object results = call(step, input, tensors.frames);
    while (++step < steps_.size()) {
        input = handed_on(step - 1, results, tensors.frames.size());
        results = call(step, input, tensors.frames);
    }
    if (model_.output == infer::OutputKind::text) {
        take_lines(results, tensors);
    } else if (dtype_ == model_.dtype) {
        frames_.take(results, tensors.outputs.front());
    } else {
        ops::widen(frames_.stream(), handed_on(step - 1, results, tensors.frames.size()), tensors.outputs.front());
    }
}

device::Tensor ScriptSession::handed_over(const device::Tensor& frames) {
    if (dtype_ == model_.dtype) {
        // Whoever takes these frames waits until the last call's results were read, and may write there again.
        if (frames.timeline) frames.timeline->after_write(frames_.stream());
        return frames.share();
    }
    device::Tensor bytes = frames_.lease({dtype_, frames.desc.shape});
    ops::narrow(frames_.stream(), frames, bytes);
    return bytes;
}

nb::object ScriptSession::call(std::size_t step, const device::Tensor& input,
                               std::span<const infer::FrameStamp> frames) {
    const auto rate = static_cast<int>(input.desc.shape.front() / model_.batch);
    return hooks_.attr("process")(step, frames_.hand_over(input), frames_of(frames, rate), shape_of(steps_[step]));
}

device::Tensor ScriptSession::handed_on(std::size_t step, nb::handle results, std::size_t frames) {
    const core::TensorDesc& desc = steps_[step];
    return frames_.taken(results, desc, frames * (desc.byte_count() / static_cast<std::size_t>(model_.batch)));
}

void ScriptSession::take_lines(nb::handle results, const infer::RunTensors& tensors) const {
    std::vector<std::string> lines;
    std::size_t longest = 1;
    for (const nb::handle line : nb::borrow<nb::list>(results)) {
        longest = std::max(longest, lines.emplace_back(nb::cast<std::string>(line)).size());
    }
    device::BufferPool pool({}, "lines of a script", device::unbounded);
    device::Tensor text =
        device::lease_tensor(pool, {core::DType::uint8, {model_.batch, static_cast<std::int64_t>(longest)}});
    std::memset(text.data, 0, text.desc.byte_count());
    for (std::size_t i = 0; i < lines.size(); ++i)
        std::memcpy(text.data + i * longest, lines[i].data(), lines[i].size());
    tensors.outputs.front() = std::move(text);
}

}  // namespace millrace::python
