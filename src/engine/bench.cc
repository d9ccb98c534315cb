#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "core/error.h"
#include "engine/backends.h"
#include "engine/resolve.h"
#include "millrace/engine.h"
#include "pipeline/failure.h"
#include "pipeline/model_io.h"
#include "pipeline/picture_maker.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::chrono::seconds step_time{3};
constexpr int sample_frames = 48;  // decoded pictures kept in memory for the steps that need some

// Frames per second of `threads` threads that each call `work(thread)` until the step's time is up; `work` returns the
// frames that it did, 0 for no more.
template <class Work>
double rate_of(int threads, const std::stop_token& stop, Work work) {
    pipeline::Failure failure(stop);
    std::atomic<std::int64_t> frames{0};
    const auto begin = Clock::now();
    {
        std::vector<std::jthread> workers;
        for (int thread = 0; thread < threads; ++thread) {
            workers.emplace_back([&, thread] {
                pipeline::guarded(failure, [&] {
                    while (Clock::now() - begin < step_time && !failure.stop().stop_requested()) {
                        const std::int64_t done = work(thread);
                        if (done == 0) return;
                        frames += done;
                    }
                });
            });
        }
    }
    const double wall = std::chrono::duration<double>(Clock::now() - begin).count();
    failure.rethrow();
    return static_cast<double>(frames.load()) / wall;
}

// Each stage of a job alone.
class Bench {
  public:
    Bench(const Job& job, const std::function<void(const std::string&)>& progress, const std::stop_token& stop)
        : job_(job), progress_(progress), stop_(stop), pool_(device::DeviceId{}, "bench", device::unbounded) {}

    json run() {
        engine::PreparedJob prepared = engine::prepare_job(job_, stop_);
        if (prepared.devices.front().kind != device::DeviceKind::host) {
            throw core::Error(
                core::ErrorCode::usage,
                fmt::format("bench works on cpu, not on {}: leave out --device; the report of a run there "
                            "says how each stage does",
                            job_.run.device));
        }
        const pipeline::Backends backends = engine::make_backends(job_, prepared, stop_);
        add("decode", decode(prepared.job, backends));
        keep_samples(backends);
        if (prepared.model) {
            add("to_tensor", to_tensor(prepared.job));
            json batches = model_batches(prepared);
            body_["model_batches"] = batches;
            add("model", model(*prepared.model->sessions.front(), prepared.job.model->workers));
        }
        if (prepared.job.video) {
            make_results(prepared.job);
            add("encode", encode(prepared.job, backends));
        }
        return std::move(body_);
    }

  private:
    void add(const char* stage, double fps) {
        body_["ceilings"][stage] = fps;
        if (progress_) progress_(fmt::format("{} alone: {:.1f} fps", stage, fps));
    }

    // Over and over, so that no lane is without a segment before the time is up.
    double decode(const pipeline::ResolvedJob& job, const pipeline::Backends& backends) const {
        const auto lanes = std::min<std::size_t>(static_cast<std::size_t>(job.limits.lanes), job.input.segments.size());
        std::vector<std::unique_ptr<media::FrameReader>> readers(lanes);
        std::atomic<std::size_t> next{0};
        return rate_of(static_cast<int>(lanes), stop_, [&](int thread) -> std::int64_t {
            auto& reader = readers[static_cast<std::size_t>(thread)];
            device::Picture picture;
            if (reader && reader->next(picture)) return 1;
            if (!reader) reader = backends.open_reader(0);
            reader->start(job.input.segments[next++ % job.input.segments.size()].range);
            return reader->next(picture) ? 1 : 0;
        });
    }

    void keep_samples(const pipeline::Backends& backends) {
        const auto reader = backends.open_reader(0);
        reader->start({});
        for (device::Picture picture; samples_.size() < sample_frames && reader->next(picture);) {
            samples_.push_back(std::move(picture));
        }
    }

    double to_tensor(const pipeline::ResolvedJob& job) {
        const pipeline::ModelPlan& plan = *job.model;
        const core::PictureDesc& desc = samples_.front().desc;
        const ops::ToTensor op(desc, pipeline::input_spec(plan.model),
                               pipeline::fit_to(plan.model, {desc.width, desc.height}, plan.frame));
        std::vector<device::Tensor> targets;
        for (int i = 0; i < job.limits.cores; ++i) targets.push_back(device::lease_tensor(pool_, op.output()));
        return rate_of(job.limits.cores, stop_, [&](int thread) -> std::int64_t {
            op.run(device::host_stream(), samples_.front(), targets[static_cast<std::size_t>(thread)]);
            return 1;
        });
    }

    std::vector<device::Tensor> lease_zeros(const std::vector<core::TensorDesc>& descs) {
        std::vector<device::Tensor> tensors;
        for (const core::TensorDesc& desc : descs) {
            tensors.push_back(device::lease_tensor(pool_, desc));
            std::memset(tensors.back().data, 0, desc.byte_count());
        }
        return tensors;
    }

    // In video frames per second: a tiled frame takes several runs.
    double model(infer::Session& session, int workers) {
        const std::vector<device::Tensor> inputs = lease_zeros(session.input_descs());
        std::vector<std::vector<device::Tensor>> outputs;
        for (int i = 0; i < workers; ++i) outputs.push_back(lease_zeros(session.output_descs()));
        return rate_of(workers, stop_, [&](int thread) -> std::int64_t {
            session.run(device::host_stream(), inputs, outputs[static_cast<std::size_t>(thread)]);
            return session.model().batch;
        });
    }

    json model_batches(const engine::PreparedJob& prepared) {
        json rates = json::object();
        const infer::ModelDescription& model_desc = prepared.model->model;
        const auto port = static_cast<std::size_t>(model_desc.picture_input);
        if (model_desc.inputs.at(port).desc.shape.front() > 0 || !model_desc.states.empty()) return rates;
        for (const int batch : {1, 2, 4, 8, 16}) {
            infer::ModelRequest request = prepared.model->request;
            request.batch = batch;
            const infer::ModelDescription desc = infer::describe_model(request);
            const auto session = infer::make_session(request, desc, prepared.job.model->input);
            const double fps = model(*session, prepared.job.model->workers);
            rates[std::to_string(batch)] = fps;
            if (progress_) progress_(fmt::format("model alone, batch {}: {:.2f} fps", batch, fps));
        }
        return rates;
    }

    // Pictures of the size that is encoded: the decoded ones, scaled where a model would have.
    void make_results(const pipeline::ResolvedJob& job) {
        pipeline::PictureMaker maker(nullptr, job.video->encoder.picture, pictures_);
        for (device::Picture& picture : samples_) {
            pipeline::FrameTag tag{0, picture.pts, picture.duration, nullptr};
            picture = maker.make({tag, std::move(picture)});
        }
    }

    double encode(const pipeline::ResolvedJob& job, const pipeline::Backends& backends) {
        const std::int64_t span =
            samples_.back().pts - samples_.front().pts + std::max<std::int64_t>(1, samples_.back().duration);
        return rate_of(job.limits.lanes, stop_, [&](int) -> std::int64_t {
            const auto encoder = backends.make_encoder(0);
            media::Packet packet;
            std::int64_t frames = 0;
            const auto begin = Clock::now();
            for (std::int64_t round = 0; Clock::now() - begin < step_time; ++round) {
                for (const device::Picture& sample : samples_) {
                    device::Picture picture = sample.share();
                    picture.pts += round * span;
                    while (encoder->send(picture, media::FrameKind::automatic) == core::Feed::full) {
                        while (encoder->receive(packet) == core::Receive::ready) ++frames;
                    }
                    while (encoder->receive(packet) == core::Receive::ready) ++frames;
                }
            }
            encoder->finish();
            while (encoder->receive(packet) == core::Receive::ready) ++frames;
            return frames;
        });
    }

    const Job& job_;
    const std::function<void(const std::string&)>& progress_;
    std::stop_token stop_;
    device::BufferPool pool_;
    pipeline::PicturePools pictures_{device::DeviceId{}};
    std::vector<device::Picture> samples_;
    json body_{{"ceilings", json::object()}};
};

}  // namespace

std::string bench_json(const Job& asked, const std::function<void(const std::string&)>& progress,
                       const std::stop_token& stop) {
    Job job = asked;
    const std::string scratch =
        (std::filesystem::temp_directory_path() / fmt::format("millrace-bench-{}", ::getpid())).string();
    if (job.output.path.empty()) job.output.path = scratch + ".mkv";
    job.run.overwrite = Overwrite::replace;
    json body = Bench(job, progress, stop).run();
    const Report report = run(job, {}, stop);
    if (asked.output.path.empty()) std::filesystem::remove(job.output.path);
    double slowest = std::numeric_limits<double>::max();
    for (const auto& [stage, fps] : body["ceilings"].items()) slowest = std::min(slowest, fps.get<double>());
    body["whole_fps"] = report.fps;
    body["slowest_fps"] = slowest;
    body["whole_to_slowest"] = report.fps / slowest;
    body["verdict"] = report.verdict;
    return body.dump(2);
}

}  // namespace millrace
