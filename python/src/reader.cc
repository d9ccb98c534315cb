#include "reader.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/planes.h"
#include "engine/clip.h"
#include "engine/device_choice.h"
#include "frame_tensor.h"
#include "interruptible.h"
#include "lease.h"
#include "own_process.h"
#include "running.h"
#include "words.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

constexpr std::chrono::milliseconds signal_interval{100};

/// The tensor, the numbers of its frames, their pts and their seconds.
nb::tuple to_python(pipeline::FrameBatch batch, core::Rational time_base) {
    std::vector<double> seconds;
    seconds.reserve(batch.pts.size());
    for (const std::int64_t pts : batch.pts) seconds.push_back(core::to_seconds(pts, time_base));
    return nb::make_tuple(FrameTensor{std::move(batch.tensor)}, nb::tuple(nb::cast(batch.numbers)),
                          nb::tuple(nb::cast(batch.pts)), nb::tuple(nb::cast(seconds)));
}

class StreamHandle {
  public:
    StreamHandle(std::shared_ptr<pipeline::FrameStream> stream, std::string path, core::Rational time_base)
        : stream_(std::move(stream), std::move(path)), time_base_(time_base) {}

    /// None at the end.
    nb::object next() {
        const std::shared_ptr<pipeline::FrameStream> stream = stream_.get();
        pipeline::FrameBatch batch;
        for (;;) {
            pipeline::FrameStream::Next got{};
            {
                const nb::gil_scoped_release others_run;
                ReleasedLeases::instance().settle();
                got = stream->next(batch, signal_interval);
            }
            if (got == pipeline::FrameStream::Next::ended) return nb::none();
            if (got == pipeline::FrameStream::Next::stopped) throw stream_.closed();
            if (got == pipeline::FrameStream::Next::batch) return to_python(std::move(batch), time_base_);
            check_signals();
        }
    }

    nb::dict losses() {
        const pipeline::ReadLosses met = stream_.get()->losses();
        nb::dict said;
        said["decode_errors"] = met.decode_errors;
        said["retimed"] = met.retimed;
        said["reshaped"] = met.reshaped;
        said["corrupt_pts"] = met.corrupt_pts;
        said["dropped_pts"] = met.dropped_pts;
        said["missing_pts"] = met.missing_pts;
        return said;
    }

    void close() {
        const nb::gil_scoped_release others_run;
        stream_.close();
    }

  private:
    OwnProcess<pipeline::FrameStream> stream_;
    core::Rational time_base_;
};

class ClipHandle {
  public:
    ClipHandle(const nb::list& arguments, const std::map<std::string, std::string>& frames, const std::string& dtype,
               int batch)
        : request_{parsed<app::ProbeCommand>(words(arguments)).job, frames, dtype_named(dtype), batch},
          clip_(open(request_), request_.job.input.path) {}

    [[nodiscard]] nb::dict info() const;

    nb::tuple times() {
        engine::FrameTimes times;
        interruptible([&, clip = clip_.get()](const std::stop_token& stop) { times = clip->times(stop); });
        return nb::make_tuple(nb::cast(times.pts), times.end);
    }

    nb::tuple frames(const std::vector<std::int64_t>& numbers) { return to_python(some(numbers), time_base()); }

    /// The tensor without a dimension for frames, its pts and its seconds.
    nb::tuple frame(std::int64_t number) {
        const pipeline::FrameBatch batch = some({number});
        return nb::make_tuple(FrameTensor{batch.tensor.at(0)}, batch.pts.front(),
                              core::to_seconds(batch.pts.front(), time_base()));
    }

    std::unique_ptr<StreamHandle> stream() {
        std::shared_ptr<pipeline::FrameStream> stream = clip_.get()->stream();
        std::erase_if(streams_, [](const auto& old) { return old.expired(); });
        streams_.emplace_back(stream);
        return std::make_unique<StreamHandle>(std::move(stream), request_.job.input.path, time_base());
    }

    void close() {
        if (!clip_.is_here()) return;
        const nb::gil_scoped_release others_run;
        for (const auto& weak : streams_) {
            if (const auto stream = weak.lock()) stream->stop();
        }
        clip_.close();
    }

  private:
    static std::shared_ptr<engine::Clip> open(const engine::ClipRequest& request) {
        std::shared_ptr<engine::Clip> clip;
        interruptible([&](const std::stop_token& stop) { clip = std::make_shared<engine::Clip>(request, stop); });
        return clip;
    }
    pipeline::FrameBatch some(const std::vector<std::int64_t>& numbers) {
        pipeline::FrameBatch batch;
        interruptible([&, clip = clip_.get()](const std::stop_token& stop) {
            ReleasedLeases::instance().settle();
            batch = clip->frames(numbers, stop);
        });
        return batch;
    }
    [[nodiscard]] core::Rational time_base() const { return clip_.get()->input().plan().video.time_base; }

    engine::ClipRequest request_;
    OwnProcess<engine::Clip> clip_;
    std::vector<std::weak_ptr<pipeline::FrameStream>> streams_;
};

nb::dict color_of(const core::ResolvedColor& color) {
    nb::dict said;
    const auto add = [&said](const char* key, const std::string& value, core::ColorOrigin origin) {
        said[key] = nb::make_tuple(value, core::name(origin));
    };
    add("matrix", core::name(color.value.matrix), color.matrix_from);
    add("range", core::name(color.value.range), color.range_from);
    add("primaries", core::primaries_name(color.value.primaries), color.primaries_from);
    add("transfer", core::transfer_name(color.value.transfer), color.transfer_from);
    add("chroma_location", core::name(color.value.siting), color.siting_from);
    return said;
}

nb::tuple to_python(core::Rational value) { return nb::make_tuple(value.num, value.den); }

nb::dict ClipHandle::info() const {
    const engine::Clip& clip = *clip_.get();
    const media::StreamInfo& video = clip.input().plan().video;
    nb::dict said;
    said["format"] = clip.input().info().format;
    said["codec"] = video.codec;
    said["pixel_format"] = video.pixel_format;
    said["width"] = video.picture.width;
    said["height"] = video.picture.height;
    said["rotation"] = video.rotation;
    said["frame_size"] = nb::make_tuple(clip.frame().width, clip.frame().height);
    said["time_base"] = to_python(video.time_base);
    said["frame_rate"] = to_python(video.average_frame_rate);
    said["color"] = color_of(video.color);
    said["planes"] = clip.model().planes ? core::name(core::planar(clip.model().planes->format)) : "";
    said["device"] = device::to_string(clip.input().device());
    said["fallbacks"] = clip.input().fallbacks();
    said["notes"] = clip.input().notes();
    said["one_segment_reason"] = clip.input().index().one_segment_reason;
    return said;
}

}  // namespace

void define_reader(nb::module_& module) {
    nb::class_<StreamHandle>(module, "ClipStream")
        .def("next", &StreamHandle::next)
        .def("losses", &StreamHandle::losses)
        .def("close", &StreamHandle::close);
    nb::class_<ClipHandle>(module, "ClipReader")
        .def(nb::init<const nb::list&, const std::map<std::string, std::string>&, const std::string&, int>(),
             nb::arg("arguments"), nb::arg("frames"), nb::arg("dtype"), nb::arg("batch"))
        .def("info", &ClipHandle::info)
        .def("times", &ClipHandle::times)
        .def("frames", &ClipHandle::frames, nb::arg("numbers"))
        .def("frame", &ClipHandle::frame, nb::arg("number"))
        .def("stream", &ClipHandle::stream)
        .def("close", &ClipHandle::close);
}

}  // namespace millrace::python
