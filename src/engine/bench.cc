#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "core/error.h"
#include "device/copy.h"
#include "engine/backends.h"
#include "engine/rate.h"
#include "engine/resolve.h"
#include "millrace/engine.h"
#include "pipeline/model_io.h"
#include "pipeline/picture_maker.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::chrono::seconds step_time{3};
constexpr std::chrono::seconds warm_time{1};  // for what a GPU needs once: decoders, the first of each kernel
constexpr int sample_frames = 48;             // decoded pictures kept in memory for the steps that need some
constexpr int gpu_burst = 16;                 // frames enqueued before the host waits for them

// Each stage of a job alone, on the first of its devices.
class Bench {
  public:
    Bench(const Job& job, const std::function<void(const std::string&)>& progress, const std::stop_token& stop)
        : progress_(progress),
          stop_(stop),
          prepared_(engine::prepare_job(job, stop,
                                        [&progress](const engine::BuildState& state) {
                                            if (state.seconds == 0 && progress)
                                                progress("building the model's engine first");
                                        })),
          device_(prepared_.job.devices.front()),
          pool_(device_, "bench", device::unbounded),
          pictures_(device_),
          stream_(device_),
          backends_(engine::make_backends(job, prepared_, stop)) {}

    json run() {
        body_["device"] = device::to_string(device_);
        body_["notes"] = prepared_.notes;
        for (const std::string& note : prepared_.notes) {
            if (progress_) progress_(note);
        }
        add("decode", decode());
        keep_samples();
        if (prepared_.model) {
            add("to_tensor", to_tensor());
            json batches = model_batches();
            body_["model_batches"] = batches;
            add("model", model(*prepared_.model->sessions.front(), job().model->workers));
            if (job().video) add("to_picture", to_picture());
        }
        if (job().video) {
            make_results();
            add("encode", encode());
        }
        return std::move(body_);
    }

  private:
    [[nodiscard]] const pipeline::ResolvedJob& job() const { return prepared_.job; }
    [[nodiscard]] bool on_gpu() const { return device_.kind == device::DeviceKind::cuda; }
    /// Threads that convert: those of the lanes, which on the CPU take what cores there are.
    [[nodiscard]] int converters() const { return on_gpu() ? job().limits.lanes : job().limits.cores; }
    [[nodiscard]] int burst() const { return on_gpu() ? gpu_burst : 1; }

    void add(const char* stage, double fps) {
        body_["ceilings"][stage] = fps;
        if (progress_) progress_(fmt::format("{} alone: {:.1f} fps", stage, fps));
    }

    template <class Work>
    double warm_rate_of(int threads, Work work) {
        if (on_gpu()) engine::rate_of(threads, warm_time, stop_, work);
        return engine::rate_of(threads, step_time, stop_, work);
    }

    // Over and over, so that no lane is without a segment before the time is up.
    double decode() {
        const std::vector<pipeline::Segment>& segments = job().input.segments;
        const auto lanes = std::min<std::size_t>(static_cast<std::size_t>(job().limits.lanes), segments.size());
        std::vector<std::unique_ptr<media::FrameReader>> readers(lanes);
        std::atomic<std::size_t> next{0};
        return warm_rate_of(static_cast<int>(lanes), [&](int thread) -> std::int64_t {
            auto& reader = readers[static_cast<std::size_t>(thread)];
            device::Picture picture;
            if (reader && reader->next(picture)) return 1;
            if (!reader) reader = backends_.open_reader(0);
            reader->start(segments[next++ % segments.size()].range);
            return reader->next(picture) ? 1 : 0;
        });
    }

    // On the host, for the encoders; the first one also where the model is.
    void keep_samples() {
        const auto reader = backends_.open_reader(0);
        reader->start({});
        for (device::Picture picture; samples_.size() < sample_frames && reader->next(picture);) {
            if (samples_.empty()) {
                sample_ = picture.device == device_ ? picture.share() : device::copied(stream_, pool_, picture);
            }
            const bool there = picture.device.kind == device::DeviceKind::cuda;
            samples_.push_back(there ? device::copied(stream_, pictures_.host, picture) : std::move(picture));
        }
        device::synchronize(stream_);
    }

    double to_tensor() {
        const pipeline::ModelPlan& plan = *job().model;
        const core::PictureDesc& desc = sample_.desc;
        const ops::ToTensor op(desc, pipeline::packed(pipeline::input_spec(plan.model), plan.borders.input),
                               pipeline::fit_to(plan.model, {desc.width, desc.height}, plan.frame));
        struct Place {
            device::Stream stream;
            device::Tensor tensor;
        };
        std::vector<Place> places;
        for (int i = 0; i < converters(); ++i) {
            places.push_back({device::Stream(device_), device::lease_tensor(pool_, op.output())});
        }
        return warm_rate_of(converters(), [&](int thread) -> std::int64_t {
            const Place& place = places[static_cast<std::size_t>(thread)];
            for (int i = 0; i < burst(); ++i) op.run(place.stream, sample_, place.tensor);
            device::synchronize(place.stream);
            return burst();
        });
    }

    device::Tensor noise(const core::TensorDesc& desc) {
        device::Tensor here = device::lease_tensor(host_pool_, desc);
        engine::fill_with_noise(here);
        if (!on_gpu()) return here;
        device::Tensor there = device::copied(stream_, pool_, here);
        device::synchronize(stream_);
        return there;
    }

    std::vector<device::Tensor> lease_zeros(const std::vector<core::TensorDesc>& descs) {
        std::vector<device::Tensor> tensors;
        for (const core::TensorDesc& desc : descs) {
            tensors.push_back(device::lease_tensor(pool_, desc));
            device::clear(stream_, tensors.back());
        }
        return tensors;
    }

    double model(infer::Session& session, int workers) {
        engine::ResidentRuns runs(session, workers);
        return runs.rate(step_time, stop_);
    }

    json model_batches() {
        json rates = json::object();
        const infer::ModelDescription& model_desc = prepared_.model->model;
        const auto port = static_cast<std::size_t>(model_desc.picture_input);
        if (model_desc.inputs.at(port).desc.shape.front() > 0 || !model_desc.states.empty()) return rates;
        for (const int batch : {1, 2, 4, 8, 16}) {
            const std::optional<double> fps = rate_at(batch);
            if (!fps) break;
            rates[std::to_string(batch)] = *fps;
            if (progress_) progress_(fmt::format("model alone, batch {}: {:.2f} fps", batch, *fps));
            // One run of the next would take longer than a step.
            if (2 * batch > *fps * std::chrono::duration<double>(step_time).count()) break;
        }
        return rates;
    }

    // On a GPU the way the job's own session runs. nullopt: the batch does not fit its memory.
    std::optional<double> rate_at(int batch) {
        infer::ModelRequest request = prepared_.model->request;
        request.batch = batch;
        if (on_gpu()) {
            request.device = device_;
            request.choice = prepared_.model->sessions.front()->report().choice;
        }
        const infer::ModelDescription desc = infer::describe_model(request);
        try {
            const auto session = infer::make_session(request, desc, job().model->input);
            return model(*session, job().model->workers);
        } catch (const core::Error& error) {
            if (!on_gpu() || error.code() != core::ErrorCode::out_of_memory) throw;
            if (progress_) progress_(fmt::format("model alone, batch {}: no room ({})", batch, error.what()));
            return std::nullopt;
        }
    }

    // Up to where the encoder takes them: for one on the CPU with the way down from the GPU.
    double to_picture() {
        const pipeline::ModelPlan& plan = *job().model;
        const auto port = static_cast<std::size_t>(plan.model.result_output);
        core::TensorDesc result = prepared_.model->sessions.front()->output_descs().at(port);
        result.shape = pipeline::with_size({result.shape.begin() + 1, result.shape.end()}, plan.model.layout,
                                           {plan.frame.width * plan.scale, plan.frame.height * plan.scale});
        result.shape.insert(result.shape.begin(), 1);
        if (plan.borders.output) {
            result = plan.borders.output->desc;
            result.shape.front() = 1;
        }
        std::vector<device::Tensor> outputs =
            lease_zeros(std::vector<core::TensorDesc>(port, {core::DType::uint8, {1}}));
        outputs.push_back(noise(result));
        const auto shared = std::make_shared<const std::vector<device::Tensor>>(std::move(outputs));
        const auto source = std::make_shared<const device::Picture>(sample_.share());
        const auto delivery = pipeline::encodes_on_gpu(job()) ? pipeline::Delivery::as_made : pipeline::Delivery::host;
        std::deque<pipeline::PictureMaker> makers;
        for (int i = 0; i < converters(); ++i) {
            makers.emplace_back(&plan, job().video->encoder.picture, pictures_, profile_, delivery);
        }
        return warm_rate_of(converters(), [&](int thread) -> std::int64_t {
            device::Picture last;
            for (int i = 0; i < burst(); ++i) {
                last = makers[static_cast<std::size_t>(thread)].make(
                    {{0, 0, 1, source}, pipeline::ModelResult{0, 0, shared}});
            }
            device::wait_readable(last.timeline);
            return burst();
        });
    }

    // Pictures of the size that is encoded: the decoded ones, scaled where a model would have.
    void make_results() {
        pipeline::PicturePools pools({});
        pipeline::PictureMaker maker(nullptr, job().video->encoder.picture, pools, profile_);
        for (device::Picture& picture : samples_) {
            pipeline::FrameTag tag{0, picture.pts, picture.duration, nullptr};
            picture = maker.make({tag, std::move(picture)});
            if (pipeline::encodes_on_gpu(job())) picture = device::copied(stream_, pool_, picture);
        }
        device::synchronize(stream_);
    }

    double encode() {
        const std::int64_t span =
            samples_.back().pts - samples_.front().pts + std::max<std::int64_t>(1, samples_.back().duration);
        const int most = job().limits.encoders;
        const int encoders = most > 0 ? std::min(most, job().limits.lanes) : job().limits.lanes;
        return engine::rate_of(encoders, step_time, stop_, [&](int) -> std::int64_t {
            const auto encoder = backends_.make_encoder(0);
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

    const std::function<void(const std::string&)>& progress_;
    std::stop_token stop_;
    engine::PreparedJob prepared_;
    device::DeviceId device_;
    device::BufferPool pool_;
    device::BufferPool host_pool_{device::DeviceId{}, "bench", device::unbounded};
    pipeline::PicturePools pictures_;
    device::Stream stream_;
    pipeline::Backends backends_;
    pipeline::Profile profile_{pipeline::Tracing::off};  ///< nobody reads it
    device::Picture sample_;                             ///< decoded, on the device
    std::vector<device::Picture> samples_;               ///< decoded, on the host; then what is encoded
    json body_{{"ceilings", json::object()}};
};

}  // namespace

std::string bench_json(const Job& asked, const std::function<void(const std::string&)>& progress,
                       const std::stop_token& stop) {
    Job job = asked;
    engine::use_scratch_output(job);
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
