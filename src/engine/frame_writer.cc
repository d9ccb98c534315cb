#include "engine/frame_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/clock.h"
#include "core/error.h"
#include "engine/device_choice.h"
#include "engine/report_parts.h"
#include "pipeline/verdict.h"

namespace millrace::engine {

namespace {

pipeline::Delivery delivery_of(const pipeline::ResolvedJob& job) {
    return pipeline::encodes_on_gpu(job) ? pipeline::Delivery::as_made : pipeline::Delivery::host;
}

}  // namespace

bool PictureRoom::wait(double seconds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return left_ > 0; });
}

void PictureRoom::hold(const std::shared_ptr<PictureRoom>& room, device::Picture& picture) {
    {
        const std::lock_guard lock(room->mutex_);
        --room->left_;
    }
    // The memory goes back to its pool before the place is free.
    auto leave = [room, memory = std::move(picture.owner)](void*) mutable {
        memory.reset();
        room->leave();
    };
    picture.owner = std::shared_ptr<void>(room.get(), std::move(leave));
}

void PictureRoom::leave() {
    {
        const std::lock_guard lock(mutex_);
        ++left_;
    }
    changed_.notify_all();
}

FrameWriter::FrameWriter(const WriterJob& writer)
    : writer_(writer),
      prepared_(prepare_writer(writer_)),
      journal_(std::in_place, prepared_.job.work_folder, prepared_.job.identity, prepared_.job.old_journal),
      plan_(prepared_.segment_frames, prepared_.job.video->encoder.context_frames, journal_->finished()),
      profile_(pipeline::Tracing::off),
      pools_(device()),
      quantiser_(writer_.frames, prepared_.job.video->encoder.picture, pools_, profile_, delivery_of(prepared_.job)),
      room_(std::make_shared<PictureRoom>(prepared_.pictures)),
      queue_(std::numeric_limits<std::size_t>::max()) {
    report_.started = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

FrameWriter::~FrameWriter() { abort(); }

void FrameWriter::start_at(std::int64_t frame) {
    if (next_ != first_) refuse("start_at(): frames were written already; call it before the first one");
    if (frame < 0 || frame > frames_done()) {
        refuse(fmt::format("start_at({}): {} frames are on disk; begin with any frame from 0 to that number", frame,
                           frames_done()));
    }
    first_ = next_ = frame;
}

bool FrameWriter::wait_for_room(double seconds) {
    if (closed_) refuse(prepared_.job.output + ": was closed; it takes no more frames");
    const auto begin = pipeline::Clock::now();
    const bool room = room_->wait(seconds);
    waited_ += pipeline::Clock::now() - begin;
    const std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
    return room;
}

void FrameWriter::take_time(std::optional<std::int64_t> pts) {
    if (!writer_.time_base) {
        if (pts) refuse("pts: frames come at the frame rate; declare time_base= to give times");
        pts_ = next_ * frame_ticks();
        return;
    }
    if (!pts) refuse(fmt::format("pts: frame {} has none, and time_base= says that every frame has its own", next_));
    if (pts_ && *pts <= *pts_) {
        refuse(
            fmt::format("pts: frame {} has {}, which is not after {} of the frame before; hand frames over in the "
                        "order in which they are shown",
                        next_, *pts, *pts_));
    }
    pts_ = pts;
}

std::int64_t FrameWriter::frame_ticks() const {
    const core::Rational a_frame{writer_.frame_rate.den, writer_.frame_rate.num};
    const core::Rational ticks = prepared_.job.video->encoder.input.time_base;
    return std::max<std::int64_t>(1, core::rescale(1, a_frame, ticks));
}

void FrameWriter::write(const device::Tensor& frame, std::optional<std::int64_t> pts) {
    take_time(pts);
    if (held_) push_held(*pts_ - held_->picture.pts);
    const std::int64_t number = next_++;
    if (!plan_.wants(number)) return;
    Item item{number, quantiser_.make(frame)};
    item.picture.pts = *pts_;
    PictureRoom::hold(room_, item.picture);
    held_ = std::move(item);
    if (!writer_.time_base) push_held(frame_ticks());
}

void FrameWriter::push_held(std::int64_t duration) {
    held_->picture.duration = duration;
    queue_.push(std::move(*held_), {});
    held_.reset();
}

void FrameWriter::close() {
    if (std::exchange(closed_, true)) return;
    if (held_) push_held(frame_ticks());
    queue_.close();
}

bool FrameWriter::wait(double seconds) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return done_; });
}

const Report& FrameWriter::report() {
    const std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
    return report_;
}

void FrameWriter::abort() noexcept { thread_.request_stop(); }

void FrameWriter::work(const std::stop_token& stop) noexcept {
    std::exception_ptr error;
    try {
        encode_and_join(stop);
    } catch (...) {  // the entry of a thread
        error = std::current_exception();
    }
    journal_.reset();
    {
        const std::lock_guard lock(mutex_);
        error_ = error;
        done_ = true;
    }
    ended_.notify_all();
}

void FrameWriter::encode_and_join(const std::stop_token& stop) {
    pipeline::Backends backends;
    backends.make_encoder = [this](std::size_t) { return media::make_encoder(prepared_.job.video->encoder); };
    backends.open_copy_source = [] { return std::shared_ptr<media::Source>(); };
    pipeline::Joiner joiner({prepared_.job, backends, *journal_, profile_, stop}, plan_.finished());
    pipeline::PushedRun run({prepared_.job, plan_, backends, joiner, profile_, pools_}, stop);
    Item item;
    while (queue_.pop(item, stop) == core::Pop::popped) {
        if (run.push(item.frame, std::move(item.picture)) == core::Push::cancelled) break;
    }
    std::map<int, pipeline::SegmentRecord> records = run.finish();
    report_.run_seconds = clock_.seconds();
    add_cores(clock_.cpu_seconds(), report_);
    report_.frames.encoded = run.frames_encoded();
    // An earlier writer may have gone further.
    std::erase_if(records, [this](const auto& entry) { return entry.first * plan_.length() >= next_; });
    report_.segments = {static_cast<int>(records.size()), 0};
    for (const auto& [segment, record] : records) report_.segments.reused += plan_.finished().contains(segment) ? 1 : 0;
    check_count(records);
    refuse_losses();
    join(joiner, records);
    journal_->remove();
    describe();
}

void FrameWriter::check_count(const std::map<int, pipeline::SegmentRecord>& records) const {
    std::int64_t frames = 0;
    for (const auto& [segment, record] : records) frames += record.frames_done;
    if (frames == next_ && frames > 0) return;
    if (next_ == 0) refuse(fmt::format("{}: no frame was written; a file has at least one", prepared_.job.output));
    refuse(
        fmt::format("{}: {} frames were written, but the segments in {} hold {}: an earlier writer had more; begin "
                    "again with restart=True",
                    prepared_.job.output, next_, prepared_.job.work_folder, frames));
}

void FrameWriter::refuse_losses() const {
    if (writer_.job.run.strictness == Strictness::lenient) return;
    const std::int64_t nan = quantiser_.nan_values();
    if (nan == 0) return;
    throw core::Error(
        core::ErrorCode::refused,
        fmt::format("{}: refused by --strict: {} NaN values of the frames became 0", prepared_.job.output, nan));
}

void FrameWriter::join(pipeline::Joiner& joiner, const std::map<int, pipeline::SegmentRecord>& records) {
    const auto begin = std::chrono::steady_clock::now();
    const pipeline::JoinResult joined = joiner.finish(records);
    report_.join_seconds = core::seconds_since(begin);
    report_.frames.muxed = joined.frames;
    report_.notes = prepared_.notes;
    report_.fallbacks = prepared_.fallbacks;
    add_copy_notes(joined.notes, report_);
}

void FrameWriter::describe() {
    const media::EncoderSettings& encoder = prepared_.job.video->encoder;
    report_.output = prepared_.job.output;
    report_.device = device::to_string(device());
    report_.encoder = encoder.request.codec;
    report_.width_in = writer_.frames.width;
    report_.height_in = writer_.frames.height;
    report_.width_out = encoder.picture.width;
    report_.height_out = encoder.picture.height;
    report_.frames.decoded = report_.frames.processed = next_ - first_;
    report_.frames.nan_values = quantiser_.nan_values();
    if (report_.frames.nan_values > 0) {
        report_.fallbacks.push_back(fmt::format("{} NaN values of the frames became 0", report_.frames.nan_values));
    }
    report_.wall_seconds = clock_.seconds();
    if (report_.run_seconds > 0) report_.fps = static_cast<double>(next_ - first_) / report_.run_seconds;
    const double waited = std::chrono::duration<double>(waited_).count();
    report_.stages.push_back({"write", 1, next_ - first_, 0, 0, waited, 0, 0});
    const auto stages = pipeline::summarize(profile_, pipeline::PictureMaking::by_makers);
    add_stages(stages, report_);
    add_verdict(stages, pipeline::ModelKind::caller, report_);
}

}  // namespace millrace::engine
