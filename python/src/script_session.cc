#include "script_session.h"

#include <fmt/format.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/planes.h"
#include "device/buffer_pool.h"
#include "device/copy.h"
#include "device/copy_ledger.h"
#include "frame_tensor.h"
#include "infer/shapes.h"
#include "ops/bytes.h"
#include "raised.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

constexpr std::size_t most_kept = 1;
constexpr int most_looks = 200;
constexpr std::chrono::milliseconds look_interval{10};

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

/// Whatever strides it has, into compact memory at `to`. millrace/_results.py has seen to shape and type.
void copy_host_array(nb::handle array, const device::Tensor& to) {
    const auto view = nb::cast<nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>>(array);
    assert(view.nbytes() <= to.desc.byte_count());
    std::memcpy(to.data, view.data(), view.nbytes());
}

bool on_host(device::StreamRef stream) { return stream.device.kind == device::DeviceKind::host; }

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
      stream_(place.device),
      // Bounded by the batches of which a script may keep the memory.
      between_(place.device, "frames between scripts", device::unbounded) {
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
        calls_.call([this] { results_.drop_all(); });
    } catch (const core::Error& error) {  // the device is lost, which is said already
        core::log::debug("{}", error.what());
    }
}

void ScriptSession::run([[maybe_unused]] device::StreamRef stream, const infer::RunTensors& tensors) {
    assert(stream == stream_.ref());
    const std::unique_lock in_call = settler_.in_call();
    calls_.call([&] {
        results_.drop_done();
        check_kept();
        raised_as_errors(model_.path, [&] { process(tensors); });
    });
}

std::size_t ScriptSession::count_kept() {
    std::erase_if(given_, [](const std::weak_ptr<Lease>& lease) { return lease.expired(); });
    return given_.size();
}

/// Of the few batches in flight (pipeline::batches_in_flight) one may be the script's; with none left the run would
/// stand.
void ScriptSession::check_kept() {
    const std::size_t most = most_kept * steps_.size();
    if (count_kept() <= most) return;
    // What is only forgotten: cycles of objects, and arrays that a library gives up when a GPU is done with them.
    nb::module_::import_("gc").attr("collect")();
    for (int looks = 0; count_kept() > most && looks < most_looks && !on_host(stream_); ++looks) {
        const nb::gil_scoped_release others_run;
        std::this_thread::sleep_for(look_interval);
    }
    if (count_kept() <= most) return;
    throw core::Error(core::ErrorCode::failed,
                      fmt::format("script {}: it keeps the memory of {} batches, which is the run's; at most {} can "
                                  "be kept: copy what is needed longer",
                                  model_.path, given_.size(), most));
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
        take_pictures(results, tensors.outputs.front());
    } else {
        ops::widen(stream_, handed_on(step - 1, results, tensors.frames.size()), tensors.outputs.front());
    }
}

device::Tensor ScriptSession::handed_over(const device::Tensor& frames) {
    if (dtype_ == model_.dtype) {
        // Whoever takes these frames waits until the last call's results were read, and may write there again.
        if (frames.timeline) frames.timeline->after_write(stream_);
        return frames.share();
    }
    device::Tensor bytes = device::lease_tensor(between_, {dtype_, frames.desc.shape});
    ops::narrow(stream_, frames, bytes);
    return bytes;
}

nb::object ScriptSession::call(std::size_t step, const device::Tensor& input,
                               std::span<const infer::FrameStamp> frames) {
    FrameTensor tensor(input.share());
    given_.emplace_back(tensor.lease);
    const auto rate = static_cast<int>(input.desc.shape.front() / model_.batch);
    return hooks_.attr("process")(step, std::move(tensor), frames_of(frames, rate), shape_of(steps_[step]));
}

device::Tensor ScriptSession::handed_on(std::size_t step, nb::handle results, std::size_t frames) {
    device::Tensor made = device::lease_tensor(between_, steps_[step]);
    // The script may have left out what fills the batch up.
    const std::size_t frame_bytes = made.desc.byte_count() / static_cast<std::size_t>(model_.batch);
    device::clear(stream_, made, frames * frame_bytes);
    take_pictures(results, made);
    return made;
}

void ScriptSession::take_pictures(nb::handle results, const device::Tensor& output) {
    if (!nb::isinstance<nb::list>(results)) return take_array(results, output);
    std::int64_t slot = 0;
    for (const nb::handle result : nb::borrow<nb::list>(results)) take_array(result, output.at(slot++));
}

void ScriptSession::take_array(nb::handle array, const device::Tensor& to) {
    if (on_host(stream_)) return copy_host_array(array, to);
    device::Tensor from = import_dlpack(array, stream_);
    device::Tensor part = to.share();  // the script may have left out what fills the batch up
    part.desc = from.desc;
    const device::OwnCopies own;
    device::copy(stream_, from, part);
    results_.keep(std::move(from), stream_);
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
