#include "engine/resolve.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <optional>

#include "core/error.h"
#include "engine/borders.h"
#include "engine/device_choice.h"
#include "engine/engine_session.h"
#include "engine/first_session.h"
#include "engine/half_check.h"
#include "engine/identity.h"
#include "engine/limits.h"
#include "engine/machine.h"
#include "engine/output_checks.h"
#include "engine/selection.h"
#include "engine/tuning.h"
#include "infer/tiles.h"
#include "pipeline/model_io.h"

namespace millrace::engine {

namespace {

constexpr int sequential_threads = 4;  // of a model that cannot run several frames at once

// Decides a job step by step; each step needs those before it.
class Resolver {
  public:
    Resolver(const Job& job, const std::stop_token& stop, const Building& building, const Script* script)
        : job_(job), stop_(stop), building_(building), script_(script) {}

    PreparedJob run() {
        prepared_.devices = choose_devices(job_.run.device);
        check_precision(job_, prepared_.devices.front());
        check_runtime(job_, prepared_.devices.front());
        prepared_.gpu_memory = gpu_memory_for(job_.run, prepared_.devices);
        std::future<std::unique_ptr<LoadedModel>> model;
        if (!job_.model.path.empty()) {
            model =
                std::async(std::launch::async, [this] { return load_model(job_.model, prepared_.devices.front()); });
        }
        prepared_.input = open_input(job_.input, stop_);
        if (model.valid()) prepared_.model = model.get();
        if (script_ != nullptr) prepared_.model = load_script(job_, *script_, video().picture);
        if (const std::string& damage = prepared_.input.index->damage; !damage.empty()) {
            prepared_.fallbacks.push_back(fmt::format("{}: {}", job_.input.path, damage));
        }
        resolve_output(job_, prepared_.job);
        if (prepared_.model) resolve_model();
        if (writes_video()) {
            check_video_output(job_);
            resolve_video();
        } else {
            check_data_output(job_);
        }
        resolve_segments();
        resolve_decoder();
        resolve_limits();
        prepared_.job.identity = identify(job_, prepared_);
        return std::move(prepared_);
    }

  private:
    [[nodiscard]] const media::StreamInfo& video() const { return prepared_.input.video(); }
    [[nodiscard]] bool writes_video() const {
        return !prepared_.model || prepared_.model->model.output == infer::OutputKind::picture;
    }

    void resolve_model() {
        const infer::ModelDescription& model = prepared_.model->model;  // tuning may change its batch
        if (model.tile && model.output == infer::OutputKind::data) {
            throw core::Error(
                core::ErrorCode::usage,
                fmt::format("{}: a model that gives data sees whole frames; leave out its tile", model.path));
        }
        pipeline::ModelPlan plan;
        const auto evenness = job_.output.odd_size == OddSize::pad ? pipeline::Evenness::even : pipeline::Evenness::any;
        plan.frame = pipeline::frame_size(model, {video().picture.width, video().picture.height}, evenness);
        plan.input = model.tile ? infer::plan_tiles(model, plan.frame).tile : plan.frame;
        if (model.order == infer::Order::sequential) use_one_device();
        if (script_ == nullptr) take_up_tuning(plan);
        plan.batch_timeout = job_.model.batch_timeout;
        plan.result_memory = prepared_.gpu_memory.results;
        // A session on a GPU has one stream, and takes its runs one after the other.
        const bool alone = model.order == infer::Order::sequential || on_gpu();
        plan.workers = alone ? 1 : job_.model.workers.value_or(0);
        if (on_gpu() && job_.model.workers.value_or(1) > 1) {
            prepared_.notes.emplace_back(
                "a GPU takes one run of the model after the other: --model-workers is not used");
        }
        if (plan.workers == 0) plan.workers = machine_cores();
        if (script_ != nullptr) {
            use_script(plan);
        } else {
            load_model_for(plan);
        }
        prepared_.job.model = std::move(plan);
        prepared_.job.devices = prepared_.devices;
    }

    void take_up_tuning(const pipeline::ModelPlan& plan) {
        TakenUp taken =
            use_tuning(job_, *prepared_.model, {prepared_.devices, plan.frame, plan.input}, earlier_identity());
        prepared_.tuned = taken.identity();
        std::ranges::move(taken.notes, std::back_inserter(prepared_.notes));
    }

    // Of an interrupted run that this one continues.
    [[nodiscard]] std::optional<pipeline::Identity> earlier_identity() const {
        if (prepared_.job.old_journal != pipeline::OldJournal::resume) return std::nullopt;
        return pipeline::read_identity(prepared_.job.work_folder);
    }

    // One call after the other: Python runs one thing at a time.
    void use_script(pipeline::ModelPlan& plan) {
        LoadedModel& loaded = *prepared_.model;
        plan.workers = 1;
        plan.model = loaded.model;
        const infer::ScriptStep whole = infer::whole_step(script_->description);
        plan.scale = whole.scale;
        plan.rate = whole.rate;
        plan.splits_batches = script_->description.saves;
        if (!script_->make_session) return;
        for (const device::DeviceId device : prepared_.devices) {
            loaded.sessions.push_back(script_->make_session(loaded.model, plan.input, device));
        }
    }

    // A sequential model sees all frames in order, so that there is nothing to share out.
    void use_one_device() {
        if (prepared_.devices.size() == 1) return;
        prepared_.devices.resize(1);
        prepared_.notes.push_back("a sequential model runs on one device: " + device_names(prepared_.devices));
    }

    void load_model_for(pipeline::ModelPlan& plan) {
        LoadedModel& loaded = *prepared_.model;
        set_precision(loaded.request, loaded.model, job_.model.precision, prepared_.devices.front());
        if (loaded.request.threads == 0 && !on_gpu()) {
            loaded.request.threads = loaded.model.order == infer::Order::sequential ? sequential_threads : 1;
        }
        const auto make_first = [&](const infer::ModelRequest& request, const infer::ModelDescription& model) {
            plan.model = model;
            return make_first_session({job_, loaded, prepared_.input, prepared_.devices.front(), building_, stop_},
                                      request, plan);
        };
        LoadNotes said = load_sessions(
            loaded, {prepared_.devices, prepared_.gpu_memory, plan.input, earlier_identity(), make_first});
        std::ranges::move(said.fallbacks, std::back_inserter(prepared_.fallbacks));
        std::ranges::move(said.notes, std::back_inserter(prepared_.notes));
        const infer::Session& session = *loaded.sessions.front();
        plan.model = loaded.model;
        plan.borders = borders_for(plan, loaded.sessions, prepared_.gpu_memory.results);
        if (loaded.model.output != infer::OutputKind::picture) return;
        const auto port = static_cast<std::size_t>(loaded.model.result_output);
        const std::vector<std::int64_t>& shape = session.output_descs().at(port).shape;
        const std::size_t width_axis = loaded.model.layout == infer::Layout::nchw ? shape.size() - 1 : shape.size() - 2;
        plan.scale = static_cast<int>(shape.at(width_axis) / plan.input.width);
    }

    // What the encoder is offered: the model's result in the video's own format and colour, or the video itself.
    [[nodiscard]] core::PictureDesc result_picture() const {
        core::PictureDesc picture = video().picture;
        if (const auto& model = prepared_.job.model) {
            picture.width = model->frame.width * model->scale;
            picture.height = model->frame.height * model->scale;
            // Rows and columns that only the model's multiple asked for are cut off again.
            if (!model->model.input_size && job_.output.odd_size != OddSize::pad) {
                picture.width = video().picture.width * model->scale;
                picture.height = video().picture.height * model->scale;
            }
        } else if (job_.output.odd_size == OddSize::pad) {
            picture.width += picture.width % 2;
            picture.height += picture.height % 2;
        }
        if (job_.output.odd_size == OddSize::crop) {
            picture.width -= picture.width % 2;
            picture.height -= picture.height % 2;
        }
        return picture;
    }

    void resolve_video() {
        const media::EncoderRequest request = encoder_request(job_.output);
        media::EncoderInput input;
        input.picture = result_picture();
        input.time_base = video().time_base;
        input.frame_rate = video().average_frame_rate;
        input.timing =
            media::find_timing(prepared_.input.index->frame_pts, input.time_base, video().average_frame_rate);
        input.time_base.den *= pipeline::picture_rate(prepared_.job);
        input.frame_rate.num *= pipeline::picture_rate(prepared_.job);
        input.sample_aspect_ratio = video().sample_aspect_ratio;
        input.hdr = video().hdr;
        input.device = prepared_.devices.front();
        pipeline::VideoPlan plan;
        plan.encoder = media::resolve_encoder(request, input);
        if (prepared_.job.model) check_planes(prepared_.job.model->model, plan.encoder);
        if (!plan.encoder.note.empty()) prepared_.fallbacks.push_back(plan.encoder.note);
        if (!plan.encoder.deterministic) {
            prepared_.notes.push_back(request.codec + " with a bit rate gives other packets in every run");
        }
        plan.sink = sink_options(job_, prepared_.job.work_folder);
        check_codec_fits(plan.sink, plan.encoder);
        plan.copy.audio = job_.output.audio == Keep::yes;
        plan.copy.subtitles = job_.output.subtitles == Keep::yes;
        prepared_.job.video = std::move(plan);
    }

    void resolve_segments() {
        const Selection selection = select_frames(prepared_.input, job_.input);
        pipeline::InputPlan& input = prepared_.job.input;
        input.video = video();
        input.index = prepared_.input.index;
        input.frame_limit = selection.frame_limit;
        if (!video().repack_note.empty()) prepared_.fallbacks.push_back(video().repack_note);
        if (std::string note = rate_note(prepared_.input); !note.empty()) prepared_.notes.push_back(std::move(note));
        if (video().interlaced && job_.input.deinterlace == Deinterlacing::off) {
            prepared_.notes.emplace_back("the video is interlaced; --deinterlace makes it progressive");
        }
        input.on_corrupt = to_policy(job_.input.on_corrupt);
        pipeline::PlanSettings settings;
        settings.time_base = video().time_base;
        settings.selection = selection.range;
        if (job_.run.segment_length > 0) settings.segment_seconds = job_.run.segment_length;
        if (auto& plan = prepared_.job.video) {
            settings.rate_controlled = plan->encoder.request.bit_rate.has_value();
            settings.cuttable = plan->encoder.segmentable;
            settings.context_frames = pipeline::context_frames(prepared_.job);
            plan->pts_shift = selection.shift * pipeline::picture_rate(prepared_.job);
            plan->copy.shift_us = selection.shift_us;
            plan->copy.begin_us = selection.begin_us;
            plan->copy.end_us = selection.end_us;
        }
        input.segments = pipeline::make_plan(*input.index, settings);
        if (input.segments.empty()) throw_no_frames(job_, prepared_.input);
        if (selection.shift_us != 0) {
            prepared_.notes.push_back(fmt::format("times are {:.6f} s earlier than in the input (-ss)",
                                                  static_cast<double>(selection.shift_us) / 1e6));
        }
        if (!input.index->segmentable()) {
            prepared_.notes.push_back("worked on as one segment: " + input.index->one_segment_reason);
        }
    }

    // On the GPU as far as it can: only a model has use for pictures there.
    void resolve_decoder() {
        if (!on_gpu()) return;
        if (!prepared_.model) {
            if (!pipeline::encodes_on_gpu(prepared_.job)) {
                prepared_.notes.push_back("without a model there is nothing to do for " + job_.run.device);
            }
            return;
        }
        media::DecoderOptions options = decoder_options(job_, prepared_.input);
        options.device = prepared_.devices.front();
        if (const auto reason = media::why_not_on_gpu(*prepared_.input.source, options)) {
            prepared_.fallbacks.push_back("decoded on the CPU: " + *reason);
            return;
        }
        for (const device::DeviceId device : prepared_.devices) {
            prepared_.decoded.push_back(
                std::make_unique<device::BufferPool>(device, "decoded pictures", prepared_.gpu_memory.decoded));
            prepared_.surfaces.push_back(std::make_shared<media::SurfaceBudget>(prepared_.gpu_memory.surfaces));
        }
        prepared_.job.input.decoded_format = media::format_on_gpu(video().picture.format);
    }

    [[nodiscard]] bool on_gpu() const { return prepared_.devices.front().kind == device::DeviceKind::cuda; }

    void resolve_limits() {
        prepared_.job.limits = make_limits(job_.run, prepared_.job, machine_cores());
        if (std::string note = limits_note(job_.run, prepared_.job); !note.empty()) {
            prepared_.notes.push_back(std::move(note));
        }
        limit_to_surfaces();
    }

    // A lane that finds no surfaces left fails, so there is none too many.
    void limit_to_surfaces() {
        const std::size_t a_lane = prepared_.surfaces.empty() ? 0 : media::surface_bytes_on_gpu(video());
        if (a_lane == 0) return;
        const std::size_t fitting = prepared_.gpu_memory.surfaces / a_lane * prepared_.devices.size();
        pipeline::Limits& limits = prepared_.job.limits;
        if (static_cast<std::size_t>(limits.lanes) <= fitting) return;
        limits.lanes = std::max(1, static_cast<int>(fitting));
        limits.first_lanes = std::min(limits.first_lanes, limits.lanes);
        prepared_.notes.push_back(
            fmt::format("--gpu-memory has room for the surfaces of {} decode lanes", limits.lanes));
    }

    Job job_;  ///< as asked for, and where that leaves something open, as tuned
    const std::stop_token& stop_;
    const Building& building_;
    const Script* script_;  ///< null: none
    PreparedJob prepared_;
};

}  // namespace

PreparedJob prepare_job(const Job& job, const std::stop_token& stop, const Building& building, const Script* script) {
    return Resolver(job, stop, building, script).run();
}

std::vector<std::string> foreseen_losses(const PreparedJob& prepared) {
    if (!prepared.job.video) return {};
    const pipeline::VideoPlan& plan = *prepared.job.video;
    std::vector<std::string> losses;
    for (media::CopyNote& note : media::foresee_losses(plan.sink, *prepared.input.source, plan.copy)) {
        losses.push_back(std::move(note.text));
    }
    return losses;
}

void use_scratch_output(Job& job) {
    if (!job.output.path.empty()) return;
    // Without an extension it does for video and for data.
    job.output.path = (std::filesystem::temp_directory_path() / fmt::format("millrace-{}", ::getpid())).string();
    if (job.output.format.empty()) job.output.format = "matroska";
}

}  // namespace millrace::engine
