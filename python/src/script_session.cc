#include "script_session.h"

#include <fmt/format.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "device/buffer_pool.h"
#include "frame_tensor.h"
#include "infer/shapes.h"
#include "raised.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

constexpr std::size_t most_kept = 1;

/// A call into the script, with the GIL.
class Call {
  public:
    explicit Call(CallClock& clock) : clock_(clock) { clock_.begin(); }
    ~Call() { clock_.end(); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    Call(Call&&) = delete;
    Call& operator=(Call&&) = delete;

  private:
    nb::gil_scoped_acquire gil_;
    CallClock& clock_;
};

nb::list frames_of(std::span<const infer::FrameStamp> stamps) {
    nb::list frames;
    for (const infer::FrameStamp& stamp : stamps) {
        const nb::object pts = stamp.pts == core::no_pts ? nb::none() : nb::object(nb::int_(stamp.pts));
        frames.append(nb::make_tuple(stamp.frame, pts, stamp.seconds, stamp.segment));
    }
    return frames;
}

nb::tuple shape_of(const core::TensorDesc& desc) {
    nb::list extents;
    for (std::size_t i = 1; i < desc.shape.size(); ++i) extents.append(desc.shape[i]);
    return nb::tuple(extents);
}

/// Whatever strides it has, into compact memory at `to`. millrace/_results.py has seen to shape and type.
void copy_array(nb::handle array, const device::Tensor& to) {
    const auto view = nb::cast<nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>>(array);
    assert(view.nbytes() <= to.desc.byte_count());
    std::memcpy(to.data, view.data(), view.nbytes());
}

}  // namespace

void end_script(const std::string& path, nb::handle calls, CallClock& clock) {
    const Call call(clock);
    raised_as_errors(path, [&] { calls.attr("end")(); });
}

ScriptSession::ScriptSession(const infer::ScriptDescription& script, infer::ModelDescription model, infer::Size input,
                             nb::handle calls, CallClock& clock)
    : model_(std::move(model)),
      inputs_{infer::picture_input_desc(model_, input)},
      outputs_{infer::script_output_desc(script, model_, input)},
      calls_(calls),
      clock_(clock) {
    const Call call(clock_);
    raised_as_errors(model_.path, [&] { calls_.attr("setup")(input.width, input.height, "cpu", model_.batch); });
}

void ScriptSession::run([[maybe_unused]] device::StreamRef stream, const infer::RunTensors& tensors) {
    assert(stream == device::host_stream());
    const Call call(clock_);
    check_kept(tensors.inputs.front());
    raised_as_errors(model_.path, [&] {
        const nb::object results = process(tensors);
        if (model_.output == infer::OutputKind::text) {
            take_lines(results, tensors);
        } else {
            take_pictures(results, tensors);
        }
    });
}

/// Of the few batches in flight (pipeline::batches_in_flight) one may be the script's; with none left the run would
/// stand.
void ScriptSession::check_kept(const device::Tensor& batch) {
    std::erase_if(given_, [](const std::weak_ptr<void>& owner) { return owner.expired(); });
    if (given_.size() > most_kept) {
        throw core::Error(
            core::ErrorCode::failed,
            fmt::format("script {}: it keeps the memory of {} batches, which is the run's; at most {} can "
                        "be kept: copy what is needed longer",
                        model_.path, given_.size(), most_kept));
    }
    given_.emplace_back(batch.owner);
}

nb::object ScriptSession::process(const infer::RunTensors& tensors) {
    return calls_.attr("process")(FrameTensor{tensors.inputs.front().share()}, frames_of(tensors.frames),
                                  shape_of(outputs_.front()));
}

void ScriptSession::take_pictures(nb::handle results, const infer::RunTensors& tensors) const {
    const device::Tensor& output = tensors.outputs.front();
    if (!nb::isinstance<nb::list>(results)) return copy_array(results, output);
    std::int64_t slot = 0;
    for (const nb::handle result : nb::borrow<nb::list>(results)) copy_array(result, output.at(slot++));
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
