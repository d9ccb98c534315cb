#include "writer.h"

#include <fmt/format.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"
#include "device/stream.h"
#include "dlpack.h"
#include "engine/frame_writer.h"
#include "host_frames.h"
#include "interruptible.h"
#include "running.h"
#include "words.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

using Times = std::optional<std::vector<std::int64_t>>;

/// Between looks at signals.
constexpr double wait_seconds = 0.1;

core::Rational rational(const nlohmann::json& pair) {
    return {pair.at(0).get<std::int64_t>(), pair.at(1).get<std::int64_t>()};
}

}  // namespace

void declare_frames(engine::WriterJob& writer, const std::string& declaration) {
    const auto said = nlohmann::json::parse(declaration);
    engine::FrameSpec& frames = writer.frames;
    frames.width = said.at("width").get<int>();
    frames.height = said.at("height").get<int>();
    frames.dtype = dtype_named(said.at("dtype").get<std::string>());
    frames.layout = said.at("layout").get<std::string>() == "nhwc" ? ops::Layout::nhwc : ops::Layout::nchw;
    const auto color = said.at("color").get<std::string>();
    frames.channels = color == "rgb" ? ops::Channels::rgb : color == "bgr" ? ops::Channels::bgr : ops::Channels::luma;
    frames.white = said.at("range").get<float>();
    writer.frame_rate = rational(said.at("frame_rate"));
    if (!said.at("time_base").is_null()) writer.time_base = rational(said.at("time_base"));
    writer.primaries = said.at("primaries").get<std::string>();
    writer.transfer = said.at("transfer").get<std::string>();
}

namespace {

/// Python's handle on a writer. After a fork the writer's threads are the parent's: the child's handle raises, and lets
/// nothing go.
class WriterHandle {
  public:
    WriterHandle(const std::vector<std::string>& arguments, const std::string& declaration) {
        engine::WriterJob job;
        job.job = parsed<app::RunCommand>(arguments).job;
        declare_frames(job, declaration);
        const nb::gil_scoped_release others_run;
        take(std::make_shared<engine::FrameWriter>(job));
    }
    explicit WriterHandle(std::shared_ptr<engine::FrameWriter> writer) { take(std::move(writer)); }
    WriterHandle(const WriterHandle&) = delete;
    WriterHandle& operator=(const WriterHandle&) = delete;
    WriterHandle(WriterHandle&&) = delete;
    WriterHandle& operator=(WriterHandle&&) = delete;
    ~WriterHandle() {
        if (::getpid() != pid_) {
            // NOLINTNEXTLINE(bugprone-unused-return-value): held for good
            (void)std::make_unique<std::shared_ptr<engine::FrameWriter>>(std::move(writer_)).release();
            (void)gpu_.release();  // NOLINT(bugprone-unused-return-value)
            return;
        }
        {
            const nb::gil_scoped_release others_run;
            writer_.reset();  // its streams have come to their ends
        }
        if (gpu_) gpu_->borrowed.drop_all();
    }

    engine::FrameWriter& get() {
        if (::getpid() == pid_) return *writer_;
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("Writer: it belongs to process {}, and this is {}, forked from it; open a Writer "
                                      "in the process that writes",
                                      pid_, ::getpid()));
    }

    /// `stream`: of the producer, where it is known. `most`: of a batch, so many frames alone.
    void write(nb::handle frames, const Times& pts, std::optional<std::uintptr_t> stream,
               std::optional<std::int64_t> most) {
        engine::FrameWriter& writer = get();
        if (busy_.test_and_set()) {
            throw core::Error(core::ErrorCode::usage,
                              "Writer: another thread is in write(); frames have one order, so hand them over from one "
                              "thread");
        }
        const std::unique_ptr<std::atomic_flag, void (*)(std::atomic_flag*)> free(
            &busy_, [](std::atomic_flag* busy) { busy->clear(); });
        if (gpu_ && is_on_gpu(frames)) {
            write_gpu(frames, {pts, most}, stream);
        } else {
            write_host(writer, frames, {pts, most});
        }
    }

    void close() {
        get().close();
        wait_until([this] { return get().wait(wait_seconds); });
        if (gpu_) gpu_->borrowed.drop_all();
    }

  private:
    void take(std::shared_ptr<engine::FrameWriter> writer) {
        writer_ = std::move(writer);
        if (writer_->device().kind == device::DeviceKind::cuda) gpu_ = std::make_unique<GpuSide>(writer_->device());
    }

    /// Where frames are on a GPU.
    struct GpuSide {
        explicit GpuSide(device::DeviceId device) : read(device) {}
        BorrowedArrays borrowed;
        device::Event read;  ///< of the last frames
    };

    /// Without the GIL, looking at signals between: ctrl-C gets through.
    template <class Condition>
    static void wait_until(Condition reached) {
        while (true) {
            bool there = false;
            {
                const nb::gil_scoped_release others_run;
                there = reached();
            }
            if (there) return;
            check_signals();
        }
    }

    /// What of an array is written.
    struct Part {
        const Times& pts;
        std::optional<std::int64_t> most;

        /// Of `there`, in the array. Throws Error(usage) where there are more or fewer times.
        [[nodiscard]] std::int64_t count(std::int64_t there) const {
            const std::int64_t count = std::min(there, most.value_or(there));
            if (!pts || std::ssize(*pts) == count) return count;
            throw core::Error(core::ErrorCode::usage,
                              fmt::format("pts: expected one for each of {} frames, found {}", count, pts->size()));
        }
        [[nodiscard]] std::optional<std::int64_t> pts_at(std::int64_t index) const {
            return pts ? std::optional((*pts)[static_cast<std::size_t>(index)]) : std::nullopt;
        }
    };

    static void write_host(engine::FrameWriter& writer, nb::handle frames, const Part& part) {
        HostFrames views(frames, writer.frames().tensor());
        const std::int64_t count = part.count(views.count());
        for (std::int64_t i = 0; i < count; ++i) {
            wait_until([&] { return writer.wait_for_room(wait_seconds); });
            const nb::gil_scoped_release others_run;
            writer.write(views.at(i), part.pts_at(i));
        }
    }

    void write_gpu(nb::handle frames, const Part& part, std::optional<std::uintptr_t> stream) {
        gpu_->borrowed.drop_done();
        const device::Tensor all = import_dlpack(frames, writer_->stream());
        const core::TensorDesc frame = writer_->frames().tensor();
        const bool batched = all.desc.shape.size() == frame.shape.size() + 1;
        core::TensorDesc one = all.desc;
        if (batched) one.shape.erase(one.shape.begin());
        check_frames(one, all.desc, frame);
        const std::int64_t count = part.count(batched ? all.desc.shape.front() : 1);
        try {
            for (std::int64_t i = 0; i < count; ++i) {
                wait_until([&] { return writer_->wait_for_room(wait_seconds); });
                const nb::gil_scoped_release others_run;
                writer_->write(batched ? all.at(i) : all.share(), part.pts_at(i));
            }
        } catch (...) {  // some of them may be read already
            let_go(all, stream);
            throw;
        }
        let_go(all, stream);
    }

    /// What is enqueued on the producer's stream later runs when the frames have been read; nobody knows the stream:
    /// the caller waits for that.
    void let_go(const device::Tensor& frames, std::optional<std::uintptr_t> stream) {
        gpu_->read.record(writer_->stream());
        gpu_->borrowed.keep(frames.share(), writer_->stream());
        const nb::gil_scoped_release others_run;
        go_on_behind(gpu_->read.ref(), stream, writer_->device());
    }

    pid_t pid_ = ::getpid();
    std::shared_ptr<engine::FrameWriter> writer_;
    std::unique_ptr<GpuSide> gpu_;
    std::atomic_flag busy_;
};

}  // namespace

nb::object writer_handle(std::shared_ptr<engine::FrameWriter> writer) {
    return nb::cast(new WriterHandle(std::move(writer)), nb::rv_policy::take_ownership);
}

void define_writer(nb::module_& module) {
    const auto open = [](WriterHandle* self, const nb::list& arguments, const std::string& declaration) {
        new (self) WriterHandle(words(arguments), declaration);
    };
    nb::class_<WriterHandle>(module, "Writer")
        .def("__init__", open, nb::arg("arguments"), nb::arg("declaration"))
        .def_prop_ro("frames_done", [](WriterHandle& self) { return self.get().frames_done(); })
        .def_prop_ro("next_frame", [](WriterHandle& self) { return self.get().next_frame(); })
        .def(
            "start_at", [](WriterHandle& self, std::int64_t frame) { self.get().start_at(frame); }, nb::arg("frame"))
        .def("write", &WriterHandle::write, nb::arg("frames").none(), nb::arg("pts") = nb::none(),
             nb::arg("stream") = nb::none(), nb::arg("most") = nb::none())
        .def("close", &WriterHandle::close)
        .def("abort", [](WriterHandle& self) { self.get().abort(); })
        .def(
            "wait", [](WriterHandle& self, double seconds) { return self.get().wait(seconds); }, nb::arg("seconds"),
            nb::call_guard<nb::gil_scoped_release>())
        .def("report", [](WriterHandle& self) { return to_json(self.get().report()); });
}

}  // namespace millrace::python
