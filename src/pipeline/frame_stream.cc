#include "pipeline/frame_stream.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "infer/shapes.h"
#include "pipeline/damage.h"
#include "pipeline/frame_converter.h"

namespace millrace::pipeline {

struct FrameStream::Open {
    FrameBatch batch;
    std::int64_t committed = 0;
    bool sealed = false;  ///< takes no more frames

    [[nodiscard]] std::int64_t reserved() const { return static_cast<std::int64_t>(batch.numbers.size()); }
    [[nodiscard]] bool complete() const { return sealed && committed == reserved(); }
};

/// A frame, and where its tensor goes.
struct FrameStream::Work {
    DecodedFrame frame;
    std::shared_ptr<Open> batch;
    device::Tensor slot;
};

namespace {

void append(std::vector<std::int64_t>& all, const std::vector<std::int64_t>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

/// Of a reader that read `range`, less what it had met before.
ReadLosses met_since(const media::ReadStats& before, const media::ReadStats& now, const media::FrameRange& range) {
    ReadLosses losses;
    losses.decode_errors = now.decode_errors - before.decode_errors;
    losses.retimed = now.retimed_frames - before.retimed_frames;
    std::copy_if(now.missing_pts.begin() + static_cast<std::ptrdiff_t>(before.missing_pts.size()),
                 now.missing_pts.end(), std::back_inserter(losses.missing_pts),
                 [&](std::int64_t pts) { return range.holds(pts); });
    return losses;
}

}  // namespace

FrameStream::FrameStream(FrameStreamPlan plan, OpenReader open_reader)
    : plan_(std::move(plan)),
      open_reader_(std::move(open_reader)),
      batch_desc_(infer::picture_input_desc(plan_.model, plan_.frame)),
      pool_(plan_.device, "batches of frames", device::unbounded),
      pictures_(plan_.input.segments.size(), plan_.pictures) {
    if (!plan_.input.segments.empty()) first_ = plan_.input.index->frames_before(plan_.input.segments[0].range.begin);
    for (int i = 0; i < plan_.lanes; ++i) threads_.emplace_back([this] { read_segments(); });
    for (int i = 0; i < plan_.converters; ++i) threads_.emplace_back([this] { convert_frames(); });
}

FrameStream::~FrameStream() { stop(); }

void FrameStream::stop() {
    {
        const std::lock_guard lock(mutex_);
        stop_.request_stop();
    }
    changed_.notify_all();
}

ReadLosses FrameStream::losses() const {
    const std::lock_guard lock(mutex_);
    return losses_;
}

void FrameStream::add(const ReadLosses& more) {
    const std::lock_guard lock(mutex_);
    losses_.decode_errors += more.decode_errors;
    losses_.retimed += more.retimed;
    losses_.reshaped += more.reshaped;
    append(losses_.corrupt_pts, more.corrupt_pts);
    append(losses_.dropped_pts, more.dropped_pts);
    append(losses_.missing_pts, more.missing_pts);
}

// The body of a decode lane.
void FrameStream::read_segments() {
    std::unique_ptr<media::FrameReader> reader;
    while (const std::optional<std::size_t> segment = pictures_.next_segment()) {
        try {
            if (!reader) reader = open_reader_(stop_.get_token());
            if (!read(*reader, *segment)) return;
            pictures_.end(*segment);
        } catch (...) {
            pictures_.end(*segment, std::current_exception());
            return;
        }
    }
}

// False when stopped.
bool FrameStream::read(media::FrameReader& reader, std::size_t number) {
    const std::stop_token stop = stop_.get_token();
    const media::FrameRange& range = plan_.input.segments[number].range;
    const bool indexed = plan_.input.index->segmentable();
    const media::ReadStats before = reader.stats();
    reader.start(indexed ? range : media::FrameRange{});
    std::int64_t taken = 0;
    device::Picture picture;
    while ((!plan_.input.frame_limit || taken < *plan_.input.frame_limit) && reader.next(picture)) {
        if (stop.stop_requested()) return false;
        // A file without a usable index is read from its beginning, as far as it is needed.
        if (!range.holds(picture.pts)) {
            if (picture.pts >= range.end) break;
            continue;
        }
        if (!keeps(reader, picture)) continue;
        const std::int64_t at = indexed ? plan_.input.index->frames_before(picture.pts) - first_ : taken;
        ++taken;
        if (pictures_.push(number, {std::move(picture), at}, stop) == core::Push::cancelled) return false;
    }
    add(met_since(before, reader.stats(), range));
    return !stop.stop_requested();
}

bool FrameStream::keeps(media::FrameReader& reader, const device::Picture& picture) {
    ReadLosses met;
    met.reshaped = fits(plan_.input, picture.desc) ? 0 : 1;
    const bool dropped = picture.flags.corrupt && plan_.input.on_corrupt == CorruptPolicy::drop;
    if (picture.flags.corrupt) {
        if (plan_.input.on_corrupt == CorruptPolicy::fail) throw damaged_frame(reader.info().path, picture.pts);
        (dropped ? met.dropped_pts : met.corrupt_pts).push_back(picture.pts);
    }
    if (met.reshaped > 0 || picture.flags.corrupt) add(met);
    return !dropped;
}

// The body of a converter.
void FrameStream::convert_frames() {
    try {
        FrameConverter converter(plan_.model, plan_.frame, plan_.device);
        Work work;
        while (take(work)) {
            const device::Picture picture = converter.on_device(std::move(work.frame.picture), stop_.get_token());
            if (!picture) return;
            converter.run(picture, work.slot);
            commit(work);
        }
    } catch (...) {
        fail(std::current_exception());
    }
}

bool FrameStream::take(Work& work) {
    const std::lock_guard turn(turn_);
    core::Pop popped = core::Pop::cancelled;
    try {
        popped = pictures_.pop(work.frame, stop_.get_token());
    } catch (...) {
        end(std::current_exception());
        return false;
    }
    if (popped == core::Pop::ended) end(nullptr);
    return popped == core::Pop::popped && reserve(work);
}

// The next slot. False when stopped.
bool FrameStream::reserve(Work& work) {
    std::unique_lock lock(mutex_);
    const auto is_open = [this] { return !batches_.empty() && !batches_.back()->sealed; };
    const auto ready = [&] { return is_open() || batches_.size() < plan_.batches; };
    if (!changed_.wait(lock, stop_.get_token(), ready)) return false;
    if (!is_open()) {
        auto begun = std::make_shared<Open>();
        begun->batch.tensor = device::lease_tensor(pool_, batch_desc_);
        batches_.push_back(std::move(begun));
    }
    work.batch = batches_.back();
    FrameBatch& batch = work.batch->batch;
    work.slot = batch.tensor.at(work.batch->reserved());
    batch.numbers.push_back(work.frame.number);
    batch.pts.push_back(work.frame.picture.pts);
    work.batch->sealed = work.batch->reserved() == batch_desc_.shape.front();
    return true;
}

void FrameStream::commit(const Work& work) {
    {
        const std::lock_guard lock(mutex_);
        ++work.batch->committed;
    }
    changed_.notify_all();
}

// No more frames will come: because of `error`, where that is one.
void FrameStream::end(std::exception_ptr error) {
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        if (!error_) error_ = std::move(error);
        if (!batches_.empty()) batches_.back()->sealed = true;
    }
    changed_.notify_all();
}

// A frame that was taken will never be there.
void FrameStream::fail(std::exception_ptr error) {
    {
        const std::lock_guard lock(mutex_);
        broken_ = true;
        error_ = std::move(error);
    }
    stop_.request_stop();
    changed_.notify_all();
}

FrameStream::Next FrameStream::next(FrameBatch& batch, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    const auto complete = [this] { return !batches_.empty() && batches_.front()->complete(); };
    const auto over = [this] { return broken_ || (ended_ && batches_.empty()) || stop_.stop_requested(); };
    if (!changed_.wait_for(lock, timeout, [&] { return complete() || over(); })) return Next::timed_out;
    if (!complete()) {
        stop_.request_stop();
        if (error_) std::rethrow_exception(error_);
        return ended_ && batches_.empty() ? Next::ended : Next::stopped;
    }
    batch = std::move(batches_.front()->batch);
    batch.tensor.desc.shape.front() = static_cast<std::int64_t>(batch.numbers.size());
    batches_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return Next::batch;
}

}  // namespace millrace::pipeline
