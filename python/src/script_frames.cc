#include "script_frames.h"

#include <fmt/format.h>
#include <nanobind/ndarray.h>

#include <cassert>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "core/error.h"
#include "device/copy.h"
#include "device/copy_ledger.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

constexpr std::size_t most_kept = 1;
constexpr int most_looks = 200;
constexpr std::chrono::milliseconds look_interval{10};

/// Whatever strides it has, into compact memory at `to`.
void copy_host_array(nb::handle array, const device::Tensor& to) {
    const auto view = nb::cast<nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>>(array);
    assert(view.nbytes() <= to.desc.byte_count());
    std::memcpy(to.data, view.data(), view.nbytes());
}

}  // namespace

ScriptFrames::ScriptFrames(device::DeviceId device, std::size_t scripts)
    : stream_(device), scripts_(scripts), between_(device, "frames between scripts", device::unbounded) {}

std::size_t ScriptFrames::count_kept() {
    std::erase_if(given_, [](const std::weak_ptr<Lease>& lease) { return lease.expired(); });
    return given_.size();
}

/// Of the few batches in flight (pipeline::batches_in_flight) one may be the script's; with none left the run would
/// stand.
void ScriptFrames::look_after(const std::string& path) {
    results_.drop_done();
    const std::size_t most = most_kept * scripts_;
    if (count_kept() <= most) return;
    // What is only forgotten: cycles of objects, and arrays that a library gives up when a GPU is done with them.
    nb::module_::import_("gc").attr("collect")();
    for (int looks = 0; count_kept() > most && looks < most_looks && !device::on_host(stream_); ++looks) {
        const nb::gil_scoped_release others_run;
        std::this_thread::sleep_for(look_interval);
    }
    if (count_kept() <= most) return;
    throw core::Error(core::ErrorCode::failed,
                      fmt::format("script {}: it keeps the memory of {} batches, which is the run's; at most {} can "
                                  "be kept: copy what is needed longer",
                                  path, given_.size(), most));
}

device::Tensor ScriptFrames::lease(const core::TensorDesc& desc) { return device::lease_tensor(between_, desc); }

FrameTensor ScriptFrames::hand_over(const device::Tensor& frames) {
    FrameTensor tensor(frames.share());
    given_.emplace_back(tensor.lease);
    return tensor;
}

device::Tensor ScriptFrames::taken(nb::handle results, const core::TensorDesc& desc, std::size_t filled) {
    device::Tensor made = lease(desc);
    device::clear(stream_, made, filled);
    take(results, made);
    return made;
}

void ScriptFrames::take(nb::handle results, const device::Tensor& to) {
    if (!nb::isinstance<nb::list>(results)) return take_array(results, to);
    std::int64_t slot = 0;
    for (const nb::handle result : nb::borrow<nb::list>(results)) take_array(result, to.at(slot++));
}

/// What was handed over comes back, perhaps written to in place, on streams that nobody told of.
void ScriptFrames::take_own(const FrameTensor& frames, const device::Tensor& to) const {
    for (int looks = 0; !frames.lease->mark_work(); ++looks) {
        if (looks == most_looks) {
            throw core::Error(core::ErrorCode::failed,
                              "a stream of the GPU is being captured since the script returned its frames; end the "
                              "capture before");
        }
        const nb::gil_scoped_release others_run;
        std::this_thread::sleep_for(look_interval);
    }
    device::Tensor from = frames.tensor().share();
    from.desc = frames.desc;
    copy_part(from, to);
}

/// The script may have left out what fills the batch up.
void ScriptFrames::copy_part(const device::Tensor& from, const device::Tensor& to) const {
    device::Tensor part = to.share();
    part.desc = from.desc;
    const device::OwnCopies own;
    device::copy(stream_, from, part);
}

void ScriptFrames::take_array(nb::handle array, const device::Tensor& to) {
    if (nb::isinstance<FrameTensor>(array)) return take_own(*nb::inst_ptr<FrameTensor>(array), to);
    if (device::on_host(stream_)) return copy_host_array(array, to);
    device::Tensor from = import_dlpack(array, stream_);
    copy_part(from, to);
    results_.keep(std::move(from), stream_);
}

}  // namespace millrace::python
