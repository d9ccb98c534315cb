#include "generator.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "copy_lines.h"
#include "device/copy.h"
#include "device/copy_ledger.h"
#include "device/stream.h"
#include "dlpack.h"
#include "engine/generator_worker.h"
#include "engine/script_worker.h"
#include "frame_tensor.h"
#include "gil_sampler.h"
#include "host_frames.h"
#include "infer/data_result.h"
#include "script_frames.h"
#include "script_worker.h"
#include "words.h"
#include "writer.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

/// A GeneratorWorker, and how it stands with other threads of Python; and the memory of scripts behind the generator.
class Generation {
  public:
    Generation(engine::ScriptWorker& worker, engine::Generator generator, std::size_t scripts)
        : path_(generator.script.path),
          worker_(worker, std::move(generator)),
          frames_(worker_.device(), scripts),
          read_(worker_.device()),
          sampler_(std::in_place, [this] { return worker_.times().now > 0; }) {}
    ~Generation() {
        frames_.drop_all();
        const nb::gil_scoped_release others_run;
        sampler_.reset();
    }
    Generation(const Generation&) = delete;
    Generation& operator=(const Generation&) = delete;
    Generation(Generation&&) = delete;
    Generation& operator=(Generation&&) = delete;

    [[nodiscard]] engine::GeneratorWorker& worker() { return worker_; }

    /// How long other threads of Python keep its lock from this one shows only to who asks for it anew.
    void enter() {
        std::chrono::steady_clock::time_point asked;
        {
            const nb::gil_scoped_release others_run;
            in_call_ = frames_.in_call();
            asked = std::chrono::steady_clock::now();
        }
        worker_.enter(std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count());
    }
    void leave() {
        worker_.leave();
        in_call_ = {};
    }

    void begin_batch(const std::string& dtype, const std::vector<std::int64_t>& shape) {
        frames_.look_after(path_);
        batch_ = frames_.lease({dtype_named(dtype), shape});
        device::clear(frames_.stream(), batch_);
    }
    /// `count` frames of an array from `first` on, or the one that it is, into the batch from `slot` on. `stream`: of
    /// the producer, where it is known, which may write there again behind the copy.
    void put(nb::handle array, std::int64_t first, std::int64_t count, std::int64_t slot,
             std::optional<std::uintptr_t> stream) {
        core::TensorDesc frame = batch_.desc;
        frame.shape.erase(frame.shape.begin());
        if (is_on_gpu(array)) return put_gpu(array, first, {slot, count}, stream);
        HostFrames views(array, frame);
        const device::OwnCopies own;
        const nb::gil_scoped_release others_run;
        for (std::int64_t i = 0; i < count; ++i) {
            device::copy(frames_.stream(), views.at(first + i), batch_.at(slot + i));
            device::synchronize(frames_.stream());  // the array may be of pinned memory
        }
    }
    FrameTensor take_batch() { return frames_.hand_over(std::exchange(batch_, {})); }
    /// What a script made, for the next one; `frames` of them are there.
    FrameTensor hand_on(nb::handle results, const std::string& dtype, const std::vector<std::int64_t>& shape,
                        std::size_t frames) {
        const core::TensorDesc desc{dtype_named(dtype), shape};
        return frames_.hand_over(
            frames_.taken(results, desc, frames * (desc.byte_count() / static_cast<std::size_t>(shape.front()))));
    }

    void finish() {
        const engine::GilWaits waits = sampler_->waits();
        sampler_.reset();
        worker_.finish(waits);
    }
    void abort() {
        sampler_.reset();
        worker_.abort();
    }

  private:
    struct Slots {
        std::int64_t begin;
        std::int64_t count;
    };

    void put_gpu(nb::handle array, std::int64_t first, Slots slots, std::optional<std::uintptr_t> stream) {
        device::Tensor all = import_dlpack(array, frames_.stream());
        const device::OwnCopies own;
        const bool batched = all.desc.shape.size() == batch_.desc.shape.size();
        for (std::int64_t i = 0; i < slots.count; ++i) {
            device::copy(frames_.stream(), batched ? all.at(first + i) : all.share(), batch_.at(slots.begin + i));
        }
        read_.record(frames_.stream());
        frames_.keep(std::move(all));
        const nb::gil_scoped_release others_run;
        go_on_behind(read_.ref(), stream, worker_.device());
    }

    std::string path_;
    engine::GeneratorWorker worker_;
    ScriptFrames frames_;
    device::Event read_;                    ///< of the last frames of a GPU
    device::Tensor batch_;                  ///< that is being filled
    std::unique_lock<std::mutex> in_call_;  ///< during a call
    std::optional<GilSampler> sampler_;     ///< none once the work is over
};

void open(Generation* self, engine::ScriptWorker& worker, const std::string& description,
          const std::string& declaration) {
    engine::Generator generator;
    generator.script = description_of(worker.job().script.path, description);
    generator.writer.job = worker.job();
    declare_frames(generator.writer, declaration);
    const auto said = nlohmann::json::parse(description);
    if (!said.at("frames").is_null()) generator.expected = said.at("frames").get<std::int64_t>();
    if (said.at("lines").get<bool>()) generator.made = engine::Made::lines;
    generator.copies = &copies_of_scripts(all_paths(worker.job().script));
    const std::size_t behind = generator.script.steps.size() - 1;
    const nb::gil_scoped_release others_run;
    new (self) Generation(worker, std::move(generator), behind);
}

void keep_state(Generation& self, int segment, const nb::bytes& state) {
    const std::string_view bytes(state.c_str(), state.size());
    const nb::gil_scoped_release others_run;
    self.worker().keep_state(segment, bytes);
}

nb::bytes read_state(Generation& self, int segment) {
    const std::string state = self.worker().read_state(segment);
    return nb::bytes(state.data(), state.size());
}

void write_line(Generation& self, const infer::FrameStamp& stamp, const std::string& result) {
    const std::string line = infer::text_line(stamp, result);
    const nb::gil_scoped_release others_run;
    self.worker().lines()->write(line);
}

}  // namespace

void define_generator(nb::module_& module) {
    nb::class_<Generation>(module, "Generation")
        .def("__init__", &open, nb::arg("worker"), nb::arg("description"), nb::arg("declaration"))
        .def("writer", [](Generation& self) { return writer_handle(self.worker().video()); })
        .def(
            "lines_at", [](Generation& self, std::int64_t frame) { self.worker().lines()->start_at(frame); },
            nb::arg("frame"))
        .def(
            "write_line",
            [](Generation& self, const std::tuple<std::int64_t, std::int64_t, double>& frame,
               const std::string& result) {
                write_line(self, {std::get<0>(frame), std::get<1>(frame), std::get<2>(frame), 0}, result);
            },
            nb::arg("frame"), nb::arg("result"))
        .def(
            "close_lines", [](Generation& self) { self.worker().lines()->close(); },
            nb::call_guard<nb::gil_scoped_release>())
        .def_prop_ro("frames_done", [](Generation& self) { return self.worker().file().frames_done(); })
        .def_prop_ro("segment_frames", [](Generation& self) { return self.worker().segment_frames(); })
        .def_prop_ro("last_state", [](Generation& self) { return self.worker().last_state(); })
        .def("keep_state", &keep_state, nb::arg("segment"), nb::arg("state"))
        .def("read_state", &read_state, nb::arg("segment"))
        .def_prop_ro("device", [](Generation& self) { return device::to_string(self.worker().device()); })
        .def_prop_ro("stopped", [](Generation& self) { return self.worker().stopped(); })
        .def(
            "set_up", [](Generation& self) { self.worker().set_up(); }, nb::call_guard<nb::gil_scoped_release>())
        .def("enter", &Generation::enter)
        .def("leave", &Generation::leave)
        .def("begin_batch", &Generation::begin_batch, nb::arg("dtype"), nb::arg("shape"))
        .def("put", &Generation::put, nb::arg("frames"), nb::arg("first"), nb::arg("count"), nb::arg("slot"),
             nb::arg("stream") = nb::none())
        .def("take_batch", &Generation::take_batch)
        .def("hand_on", &Generation::hand_on, nb::arg("results"), nb::arg("dtype"), nb::arg("shape"), nb::arg("frames"))
        .def("finish", &Generation::finish, nb::call_guard<nb::gil_scoped_release>())
        .def("abort", &Generation::abort, nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace millrace::python
