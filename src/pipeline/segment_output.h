#pragma once
// The end of the flow for one segment: results in, a segment file and a line in the journal out.

#include <functional>
#include <memory>
#include <variant>

#include "pipeline/assembler.h"
#include "pipeline/bounded_queue.h"
#include "pipeline/context_queue.h"
#include "pipeline/encoder_slots.h"
#include "pipeline/failure.h"
#include "pipeline/frame.h"
#include "pipeline/frames_in_flow.h"
#include "pipeline/job.h"
#include "pipeline/journal.h"
#include "pipeline/picture_maker.h"
#include "pipeline/profile.h"
#include "pipeline/share.h"

namespace millrace::pipeline {

/// What is wanted of a segment. full: all of it. head: only its first frames, as context for the encoder of the segment
/// before (it was finished by an earlier run). replay: all frames, for the state that they leave in a sequential model.
enum class SegmentWork { full, head, replay };

/// What a decode lane met in a segment. `frames` were handed on.
struct DecodedSegment {
    std::int64_t frames = 0;
    std::int64_t decoded = 0;
    std::int64_t decode_errors = 0;
    std::int64_t retimed = 0;
    std::int64_t reshaped = 0;
    std::vector<std::int64_t> corrupt_pts;
    std::vector<std::int64_t> dropped_pts;
    std::vector<std::int64_t> missing_pts;
};

/// What all outputs of a run share. References outlive the outputs.
struct OutputHouse {
    const ResolvedJob& job;
    const Backends& backends;
    SegmentLedger& ledger;
    Profile& profile;
    Failure& failure;
    PicturePools& pictures;
    EncoderSlots& encoders;
    HeldLanes& held;
    std::size_t station;  ///< index of the job's device that the pictures come from
    std::function<void(const SegmentRecord&)> segment_done;
    std::function<void(std::int64_t)> frames_done;  ///< so many more frames are encoded or written
};

/// One segment's place in the run.
struct SegmentSeat {
    Segment segment;
    SegmentWork work = SegmentWork::full;
    std::shared_ptr<ContextQueue> context;        ///< head of the next segment; null for the last one
    std::shared_ptr<ContextQueue> gives_context;  ///< to the segment before; null where it needs none
    std::shared_ptr<Share> share{};               ///< what of it its station has to do; null before it is taken
};

/// Base of both kinds of output: the queue, order, and the loop over frames.
class SegmentOutput : public ResultSink {
  public:
    SegmentOutput(const OutputHouse& house, SegmentSeat seat);

    [[nodiscard]] infer::FrameStamp stamp_of(const FrameTag& tag) const override;
    core::Push push(FrameResult result, const std::stop_token& stop) override;
    /// The decode lane has handed on `fed` frames, and asks before it hands on another: blocks until the segment may
    /// have more in flow, so that the stages which lanes share never stop for one whose encoder is behind, or is still
    /// to be waited for. cancelled: the job was stopped.
    core::Push admit(std::int64_t fed);
    /// The decode lane has handed on its last frame. Blocks until the segment has its encoder.
    core::Push end_input(DecodedSegment decoded);
    /// The body of the segment's thread: until all frames are done, or the job is stopped.
    void run();

  protected:
    /// How many frames may be handed on before the segment has an encoder slot; nullopt: it needs none.
    [[nodiscard]] virtual std::optional<std::int64_t> frames_before_slot() const { return std::nullopt; }
    /// The slot has come. On the segment's thread.
    virtual void let_in(const EncoderSlots::Slot& /*slot*/) {}
    /// The next frame in order.
    virtual void handle(FrameResult frame) = 0;
    /// All frames were handled. The slot may be still to come.
    virtual void end_frames() {}
    /// All is there. The record is filled but for digest, stream and NaN count.
    virtual void finish(SegmentRecord record) = 0;
    [[nodiscard]] const OutputHouse& house() const { return house_; }
    [[nodiscard]] const SegmentSeat& seat() const { return seat_; }
    [[nodiscard]] const std::stop_token& stop() const { return stop_; }

  private:
    using Item = std::variant<FrameResult, DecodedSegment, EncoderSlots::Slot>;

    bool pop(Item& item);
    core::Push take_slot(std::int64_t fed);
    void take_in(Item item);
    bool handle_frames();
    bool wait_for_slot();
    [[nodiscard]] SegmentRecord start_record() const;

    OutputHouse house_;
    SegmentSeat seat_;
    std::stop_token stop_;
    BoundedQueue<Item> queue_;  ///< bounded by what is in flow
    FramesInFlow in_flow_;
    Assembler assembler_;
    std::optional<DecodedSegment> decoded_;
    std::int64_t handled_ = 0;
    bool has_slot_ = false;
    std::optional<Worker> counted_;  ///< from the slot on, where it needs one
    bool admitted_ = false;          ///< of the lane's thread
};

[[nodiscard]] std::shared_ptr<SegmentOutput> make_video_output(const OutputHouse& house, SegmentSeat seat);
[[nodiscard]] std::shared_ptr<SegmentOutput> make_data_output(const OutputHouse& house, SegmentSeat seat);

}  // namespace millrace::pipeline
