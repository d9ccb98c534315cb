#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "core/error.h"
#include "pipeline/frame_multiplier.h"
#include "pipeline/picture_maker.h"
#include "pipeline/segment_output.h"

namespace millrace::pipeline {

namespace {

// Frames that may be in work while a segment waits for its encoder, so that it has something to begin with.
constexpr int read_ahead = 8;

class VideoOutput final : public SegmentOutput {
  public:
    VideoOutput(const OutputHouse& house, SegmentSeat seat)
        : SegmentOutput(house, std::move(seat)),
          plan_(*house.job.video),
          rate_(picture_rate(house.job)),
          pictures_(rate_, [this](FrameResult frame) { take(std::move(frame)); }),
          maker_(house.job.model ? &*house.job.model : nullptr, plan_.encoder.picture, house.pictures, house.profile,
                 encodes_on_gpu(house.job) ? Delivery::as_made : Delivery::host) {}

  protected:
    // All that the segment before waits for comes through without a slot: its encoder may be the one that makes room.
    [[nodiscard]] std::optional<std::int64_t> frames_before_slot() const override {
        if (!encodes()) return std::nullopt;
        const int head = seat().gives_context ? context_frames(house().job) : 0;
        const int after = house().job.model ? house().job.model->model.window.after : 0;
        return std::max(head + after, read_ahead);
    }

    void let_in(const EncoderSlots::Slot& slot) override {
        slot_ = slot;
        encoder_ = house().backends.make_encoder(house().station);
        writer_.emplace(house().ledger.segment_path(number()));
        encode_waiting(in_flight());
    }

    void handle(FrameResult frame) override { pictures_.add(std::move(frame)); }

    void end_frames() override {
        if (pictures_.last()) pictures_.end(end_of(pictures_.last()->tag));
        if (wants_head()) seat().gives_context->close();
    }

    void finish(SegmentRecord record) override {
        if (!encodes()) return;
        encode_waiting(0);
        if (!waiting_.empty() || !encode_context()) return;
        if (!seat().context || !all_out()) {
            encoder_->finish();
            drain();
        }
        if (packets_ != made_) {
            throw core::Error(core::ErrorCode::failed,
                              fmt::format("segment {}: {} gave {} packets for {} frames", number(),
                                          plan_.encoder.request.codec, packets_, made_));
        }
        record.nan_values = maker_.nan_values();
        record.stream = encoder_->stream();
        encoder_.reset();
        slot_.reset();
        record.digest = writer_->finish();
        house().ledger.add(record);
        house().segment_done(record);
    }

  private:
    [[nodiscard]] int number() const { return seat().segment.number; }
    [[nodiscard]] bool encodes() const { return seat().work == SegmentWork::full; }
    /// The segment before has not got all of this one's head.
    [[nodiscard]] bool wants_head() const { return seat().gives_context && made_ < plan_.encoder.context_frames; }

    // The next segment's encoder may open before this one closes: at first it only looks ahead, which leaves cores
    // idle, and takes little memory. A GPU has only so many sessions.
    void release_slot() {
        if (encodes_on_gpu(house().job)) return;
        if (sent_ - packets_ <= plan_.encoder.context_frames / 2) slot_.reset();
    }

    /// Pictures that are let come down from a GPU while one before them is encoded.
    [[nodiscard]] std::size_t in_flight() const { return on_gpu(house().job) ? 2 : 0; }

    // All but the last `keep`; a stop leaves more.
    void encode_waiting(std::size_t keep) {
        for (; waiting_.size() > keep && !stop().stop_requested(); waiting_.pop_front()) {
            encode(waiting_.front(), sent_ == 0 ? media::FrameKind::key : media::FrameKind::automatic);
            ++sent_;
        }
    }

    /// When the segment's last frame gives way to the next segment's first, in ticks of the input.
    [[nodiscard]] std::int64_t end_of(const FrameTag& last) const {
        const InputPlan& input = house().job.input;
        const std::vector<std::int64_t>& pts = input.index->frame_pts;
        const auto next = std::ranges::upper_bound(pts, last.pts);
        if (next != pts.end()) return *next;
        if (last.duration > 0) return last.pts + last.duration;
        const core::Rational rate = input.video.average_frame_rate;
        return last.pts + (rate.num > 0 ? core::rescale(1, {rate.den, rate.num}, input.video.time_base) : 1);
    }

    void take(FrameResult frame) {
        device::Picture picture = make(std::move(frame));
        give_context(picture);
        last_pts_ = picture.pts;
        ++made_;
        if (!encodes()) return;
        waiting_.push_back(std::move(picture));
        if (encoder_) encode_waiting(in_flight());
    }

    device::Picture make(FrameResult frame) {
        const auto begin = Clock::now();
        const bool passes = maker_.passes(frame);
        device::Picture picture = maker_.make(std::move(frame));
        picture.pts -= plan_.pts_shift;
        if (passes) return picture;
        house().profile.add(Stage::to_picture, Activity::busy, begin, Clock::now());
        if (made_ % rate_ == 0) house().profile.count_frames(Stage::to_picture);
        return picture;
    }

    void give_context(const device::Picture& picture) {
        if (!wants_head()) return;
        const auto& queue = seat().gives_context;
        queue->give(picture.share(), stop());
        if (made_ + 1 == plan_.encoder.context_frames) queue->close();
    }

    // The next segment's first frames, behind a forced key frame, so that rate control sees what one instance would
    // have seen. As many as it takes until the segment's own packets are out: the encoder then only has looked at them.
    // False when the job was stopped.
    bool encode_context() {
        if (!seat().context) return true;
        in_context_ = true;
        media::FrameKind kind = media::FrameKind::key;
        while (!all_out()) {
            device::Picture picture;
            // Not counted as waiting: nothing would go faster if this thread had more to do.
            const core::Pop popped = seat().context->take(picture, stop());
            if (popped == core::Pop::cancelled) return false;
            if (popped == core::Pop::ended) break;
            encode(picture, kind);
            kind = media::FrameKind::automatic;
            release_slot();
        }
        seat().context->leave();
        return true;
    }

    [[nodiscard]] bool all_out() const { return packets_ == sent_; }

    void encode(const device::Picture& picture, media::FrameKind kind) {
        if (picture.timeline) {
            const Timed waiting(house().profile, Stage::encode, Activity::wait_input);
            device::wait_readable(picture.timeline);
        }
        const Timed busy(house().profile, Stage::encode, Activity::busy);
        while (encoder_->send(picture, kind) == core::Feed::full) write_packets();
        write_packets();
    }

    void drain() {
        const Timed busy(house().profile, Stage::encode, Activity::busy);
        write_packets();
    }

    void write_packets() {
        media::Packet packet;
        while (!(in_context_ && all_out()) && encoder_->receive(packet) == core::Receive::ready) {
            if (in_context_ && packet.pts > last_pts_) continue;
            writer_->add(packet);
            if (++packets_ % rate_ != 0) continue;
            house().profile.count_frames(Stage::encode);
            house().frames_done(1);
        }
    }

    const VideoPlan& plan_;
    int rate_;
    FrameMultiplier pictures_;
    PictureMaker maker_;
    std::deque<device::Picture> waiting_;  ///< for the slot, or on their way from a GPU
    EncoderSlots::Slot slot_;
    std::unique_ptr<media::Encoder> encoder_;
    std::optional<SegmentWriter> writer_;
    std::int64_t made_ = 0;  ///< pictures, as all that is counted here
    std::int64_t sent_ = 0;
    std::int64_t packets_ = 0;
    std::int64_t last_pts_ = core::no_pts;  ///< of the segment's own frames: what comes later is context
    bool in_context_ = false;
};

}  // namespace

std::shared_ptr<SegmentOutput> make_video_output(const OutputHouse& house, SegmentSeat seat) {
    return std::make_shared<VideoOutput>(house, std::move(seat));
}

}  // namespace millrace::pipeline
