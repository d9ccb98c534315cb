#pragma once
// A file made of frames that somebody's program hands over.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "device/tensor.h"
#include "engine/made_file.h"
#include "engine/quantiser.h"
#include "engine/run_clock.h"
#include "engine/writer_job.h"
#include "millrace/report.h"
#include "pipeline/bounded_queue.h"
#include "pipeline/joiner.h"
#include "pipeline/journal.h"
#include "pipeline/pushed_run.h"

namespace millrace::engine {

/// How many pictures may wait for encoders. Thread-safe; pictures may outlive their writer.
class PictureRoom {
  public:
    explicit PictureRoom(std::int64_t pictures) : left_(pictures) {}
    /// Waits at most `seconds`. False: no room yet.
    [[nodiscard]] bool wait(double seconds);
    /// Takes a place, which `picture` gives back when it is let go.
    static void hold(const std::shared_ptr<PictureRoom>& room, device::Picture& picture);
    void leave();

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::int64_t left_;
};

/// Frames in, in presentation order; a file out when it is closed. Work is done by threads of its own, and nothing here
/// waits longer than it is told to. All functions but abort() are one thread's at a time.
class FrameWriter final : public MadeFile {
  public:
    /// Begins, or goes on with what an earlier writer of the same output left. Throws what prepare_writer() and Journal
    /// throw.
    explicit FrameWriter(const WriterJob& writer);
    FrameWriter(const FrameWriter&) = delete;
    FrameWriter& operator=(const FrameWriter&) = delete;
    FrameWriter(FrameWriter&&) = delete;
    FrameWriter& operator=(FrameWriter&&) = delete;
    /// Aborts what was not closed, and waits.
    ~FrameWriter() override;

    [[nodiscard]] const FrameSpec& frames() const { return writer_.frames; }
    [[nodiscard]] device::DeviceId device() const { return prepared_.job.devices.front(); }
    /// So many frames, from the first on, were safely on disk when this began.
    [[nodiscard]] std::int64_t frames_done() const override { return plan_.frames_done(); }
    /// The number of the frame that comes next.
    [[nodiscard]] std::int64_t next_frame() const override { return next_; }
    /// Frames of a segment.
    [[nodiscard]] std::int64_t segment_frames() const { return plan_.length(); }
    /// The first frame handed over will be this one. Throws Error(usage) beyond frames_done(), and after a frame.
    void start_at(std::int64_t frame);

    /// The report's time begins now, not at construction. Before the first frame.
    void begin_clock() { clock_ = RunClock(); }
    /// At most `seconds`. True: write() may be called. Throws what went wrong in the threads so far.
    [[nodiscard]] bool wait_for_room(double seconds);
    /// The next frame, of the declared description, of the host or of device(); `pts` where times were declared. A
    /// frame of the host may be written again on return; one of a GPU after what stream() holds then. Throws
    /// Error(usage).
    void write(const device::Tensor& frame, std::optional<std::int64_t> pts);
    /// Whose work reads frames of a GPU.
    [[nodiscard]] device::StreamRef stream() const { return quantiser_.stream(); }

    /// There are no more frames. wait() tells when the file is there.
    void close();
    /// At most `seconds`. True: it has ended, one way or the other.
    [[nodiscard]] bool wait(double seconds) override;
    /// Of a file that is there. Throws what went wrong instead.
    [[nodiscard]] const Report& report() override;
    /// Of its work so far. Thread-safe.
    [[nodiscard]] pipeline::Profile& profile() override { return profile_; }
    /// For room, so far.
    [[nodiscard]] pipeline::Clock::duration waited() const override { return waited_; }
    /// Leaves what is finished for a later writer, and no file. Does not wait. Any thread.
    void abort() noexcept override;

  private:
    struct Item {
        std::int64_t frame = 0;
        device::Picture picture;
    };

    void work(const std::stop_token& stop) noexcept;
    void encode_and_join(const std::stop_token& stop);
    void join(pipeline::Joiner& joiner, const std::map<int, pipeline::SegmentRecord>& records);
    void check_count(const std::map<int, pipeline::SegmentRecord>& records) const;
    void refuse_losses() const;
    void describe();
    void push_held(std::int64_t duration);
    void take_time(std::optional<std::int64_t> pts);
    [[nodiscard]] std::int64_t frame_ticks() const;

    WriterJob writer_;
    PreparedWriter prepared_;
    std::optional<pipeline::Journal> journal_;  ///< until the work has ended: then another writer may go on
    pipeline::PushPlan plan_;
    pipeline::Profile profile_;
    pipeline::PicturePools pools_;
    Quantiser quantiser_;
    std::shared_ptr<PictureRoom> room_;
    pipeline::BoundedQueue<Item> queue_;  ///< bounded by the room
    RunClock clock_;
    pipeline::Clock::duration waited_{};  ///< for room
    std::int64_t first_ = 0;
    std::int64_t next_ = 0;
    std::optional<std::int64_t> pts_;  ///< of the frame before
    std::optional<Item> held_;         ///< until its duration is known
    bool closed_ = false;

    std::mutex mutex_;
    std::condition_variable ended_;
    bool done_ = false;
    std::exception_ptr error_;
    Report report_;
    std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace millrace::engine
