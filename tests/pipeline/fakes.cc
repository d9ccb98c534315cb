#include "pipeline/fakes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

namespace millrace::pipeline::test {

namespace {

constexpr int width = 16;
constexpr int height = 8;
constexpr std::int64_t step = 10;
constexpr std::size_t plenty = std::numeric_limits<std::size_t>::max() / 2;

class FakeReader final : public media::FrameReader {
  public:
    explicit FakeReader(FakeVideo& video) : video_(video), pool_(device::DeviceId{}, "fake pictures", plenty) {
        ++video_.readers;
        info_.path = "fake.mp4";
    }

    void start(const media::FrameRange& range) override {
        range_ = range;
        next_ = static_cast<std::size_t>(video_.index->frames_before(range.begin));
    }

    bool next(device::Picture& picture) override {
        const std::vector<std::int64_t>& all = video_.index->frame_pts;
        while (next_ < all.size() && video_.missing.contains(all[next_])) stats_.missing_pts.push_back(all[next_++]);
        if (next_ == all.size() || all[next_] >= range_.end) return false;
        const std::int64_t pts = all[next_];
        if (video_.on_frame) video_.on_frame(pts);
        picture = device::lease_picture(pool_, fake_picture_desc());
        fill(picture, luma_of(static_cast<std::int64_t>(next_)));
        picture.pts = pts;
        picture.duration = step;
        picture.flags.corrupt = video_.corrupt.contains(pts);
        ++stats_.frames;
        ++next_;
        return true;
    }

    [[nodiscard]] const media::ReadStats& stats() const override { return stats_; }
    [[nodiscard]] const media::SourceInfo& info() const override { return info_; }

  private:
    static void fill(const device::Picture& picture, int luma) {
        for (int plane = 0; plane < 3; ++plane) {
            const device::PlaneView view = picture.planes.at(static_cast<std::size_t>(plane));
            const auto bytes = static_cast<std::size_t>(view.pitch * core::plane_rows(picture.desc, plane));
            std::memset(view.data, plane == 0 ? luma : 128, bytes);
        }
    }

    FakeVideo& video_;
    device::BufferPool pool_;
    media::FrameRange range_;
    std::size_t next_ = 0;
    media::ReadStats stats_;
    media::SourceInfo info_;
};

class FakeEncoder final : public media::Encoder {
  public:
    explicit FakeEncoder(FakeCodec& codec) : codec_(codec) {
        stream_.codec = "fake";
        const int open = ++codec_.open;
        int most = codec_.most_open;
        while (open > most && !codec_.most_open.compare_exchange_weak(most, open)) {
        }
    }
    FakeEncoder(const FakeEncoder&) = delete;
    FakeEncoder& operator=(const FakeEncoder&) = delete;
    FakeEncoder(FakeEncoder&&) = delete;
    FakeEncoder& operator=(FakeEncoder&&) = delete;
    ~FakeEncoder() override { --codec_.open; }

    core::Feed send(const device::Picture& picture, media::FrameKind kind) override {
        if (has_packet() && frames_.size() % 3 == 2) return core::Feed::full;  // now and then: receive first
        if (codec_.on_send) codec_.on_send(picture.pts);
        frames_.push_back({picture.pts, picture.duration, kind, std::to_integer<int>(*picture.planes[0].data)});
        return core::Feed::accepted;
    }
    void finish() override { finished_ = true; }

    core::Receive receive(media::Packet& packet) override {
        if (!has_packet()) return finished_ ? core::Receive::end : core::Receive::needs_input;
        packet = make_packet(frames_[made_].pts, payload());
        packet.duration = frames_[made_].duration;
        packet.key = frames_[made_].kind == media::FrameKind::key;
        ++made_;
        return core::Receive::ready;
    }

    [[nodiscard]] const media::EncodedStream& stream() const override { return stream_; }

  private:
    struct Frame {
        std::int64_t pts;
        std::int64_t duration;
        media::FrameKind kind;
        int luma;
    };

    [[nodiscard]] bool has_packet() const {
        const std::size_t lost = finished_ && codec_.loses_last_packet ? 1 : 0;
        const std::size_t held = finished_ ? lost : static_cast<std::size_t>(codec_.lookahead);
        return made_ + held < frames_.size();
    }

    [[nodiscard]] std::string payload() const {
        const Frame& frame = frames_[made_];
        std::string text =
            fmt::format("{} {} {} |", frame.pts, frame.kind == media::FrameKind::key ? "key" : "auto", frame.luma);
        if (made_ > 0) text += fmt::format(" {}", frames_[made_ - 1].luma);
        text += " |";
        const std::size_t end = std::min(frames_.size(), made_ + 1 + static_cast<std::size_t>(codec_.lookahead));
        for (std::size_t i = made_ + 1; i < end; ++i) text += fmt::format(" {}", frames_[i].luma);
        return text;
    }

    FakeCodec& codec_;
    media::EncodedStream stream_;
    std::vector<Frame> frames_;
    std::size_t made_ = 0;
    bool finished_ = false;
};

}  // namespace

int luma_of(std::int64_t frame) { return 16 + static_cast<int>(frame * 37 % 211); }

core::PictureDesc fake_picture_desc() {
    core::PictureDesc desc;
    desc.width = width;
    desc.height = height;
    desc.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
    return desc;
}

infer::ModelDescription fake_model(infer::Window window, int batch, infer::Order order) {
    infer::ModelDescription model;
    model.path = "fake.onnx";
    model.window = window;
    model.batch = batch;
    model.order = order;
    const core::TensorDesc picture{core::DType::float32, {batch, 3, height, width}};
    model.inputs = {{"x", {core::DType::float32, {batch, std::int64_t{3} * window.frames(), height, width}}}};
    model.outputs = {{"y", picture}};
    if (order == infer::Order::sequential) {
        model.inputs.push_back({"state", picture});
        model.outputs.push_back({"next_state", picture});
        model.states = {{1, 1}};
    }
    return model;
}

FakeSession::FakeSession(infer::ModelDescription model) : model_(std::move(model)) {
    for (const infer::Port& port : model_.inputs) inputs_.push_back(port.desc);
    for (const infer::Port& port : model_.outputs) outputs_.push_back(port.desc);
}

void FakeSession::run(device::StreamRef, const infer::RunTensors& tensors) {
    if (on_run) on_run();
    const auto& [inputs, outputs, stamps] = tensors;
    constexpr std::size_t values = std::size_t{3} * width * height;
    const auto frames = static_cast<std::size_t>(model_.window.frames());
    for (std::size_t slot = 0; slot < static_cast<std::size_t>(model_.batch); ++slot) {
        const float* in = inputs[0].as<float>() + slot * frames * values;
        for (std::size_t i = 0; i < values; ++i) {
            float sum = 0;
            float weights = 0;
            for (std::size_t frame = 0; frame < frames; ++frame) {
                const auto weight = static_cast<float>(frame + 1);
                sum += weight * in[frame * values + i];
                weights += weight;
            }
            float result = sum / weights;
            if (!model_.states.empty()) result = (result + inputs[1].as<float>()[i]) / 2;
            for (const device::Tensor& output : outputs) output.as<float>()[slot * values + i] = result;
        }
    }
}

Rig::Rig(const FakeJob& settings) {
    video.index = std::make_shared<media::PacketIndex>(make_index(settings.frames, step, 5));
    job.input.video.picture = fake_picture_desc();
    job.input.video.time_base = {1, 1000};
    job.input.index = video.index;
    PlanSettings plan;
    plan.time_base = job.input.video.time_base;
    plan.segment_seconds = 0.1;
    job.input.segments = make_plan(*video.index, plan);
    job.output = "out.mp4";
    job.work_folder = folder_ / "out.mp4.millrace";
    job.identity = {{"job", "fake"}};
    job.limits.lanes = settings.lanes;
    if (!settings.data) {
        job.video.emplace();
        job.video->encoder.picture = fake_picture_desc();
        job.video->encoder.context_frames = settings.context_frames;
        job.video->encoder.request.codec = "fake";
        codec.lookahead = settings.context_frames;
    }
    if (settings.model) fill_model(settings);
    backends.open_reader = [this](std::size_t) { return std::make_unique<FakeReader>(video); };
    backends.make_encoder = [this](std::size_t) { return std::make_unique<FakeEncoder>(codec); };
}

void Rig::fill_model(const FakeJob& settings) {
    job.model.emplace();
    job.model->model = *settings.model;
    job.model->model.output = settings.data ? infer::OutputKind::data : infer::OutputKind::picture;
    job.model->frame = {width, height};
    job.model->input = {width, height};
    job.model->workers = settings.model_workers;
    job.devices.resize(settings.stations);
    for (std::size_t i = 0; i < settings.stations; ++i) {
        sessions.push_back(std::make_unique<FakeSession>(job.model->model));
        backends.sessions.push_back(sessions.back().get());
    }
}

RunResult Rig::run(const std::stop_token& stop) {
    Journal journal(job.work_folder, job.identity, OldJournal::resume);
    return run_segments(job, backends, journal, profile, observe, stop);
}

std::string Rig::segment_path(int segment) const { return fmt::format("{}/segment-{:06}", job.work_folder, segment); }

std::vector<std::string> Rig::packets(int segment) const {
    std::vector<std::string> payloads;
    SegmentPackets reader(segment_path(segment));
    while (const auto packet = reader.next()) payloads.push_back(payload_of(*packet));
    return payloads;
}

std::map<int, std::string> Rig::files() const {
    std::map<int, std::string> all;
    for (const Segment& segment : job.input.segments) {
        const std::string path = segment_path(segment.number);
        if (exists(path)) all[segment.number] = read_file(path);
    }
    return all;
}

void Rig::forget(int segment) const { std::remove(segment_path(segment).c_str()); }

std::vector<FakeJob> kinds_of_jobs() {
    std::vector<FakeJob> kinds;
    for (const int context : {0, 4, 13}) {
        FakeJob settings;
        settings.context_frames = context;
        kinds.push_back(settings);
        settings.model = fake_model({}, 3);
        settings.model_workers = 2;
        kinds.push_back(settings);
        settings.model = fake_model({1, 2}, 2);
        kinds.push_back(settings);
        settings.model = fake_model({}, 1, infer::Order::sequential);
        settings.model_workers = 1;
        kinds.push_back(settings);
    }
    return kinds;
}

std::vector<int> differing(const std::map<int, std::string>& a, const std::map<int, std::string>& b) {
    std::vector<int> numbers;
    for (const auto& [number, bytes] : a) {
        const auto other = b.find(number);
        if (other == b.end() || other->second != bytes) numbers.push_back(number);
    }
    return numbers;
}

std::vector<std::int64_t> pts_of(const std::vector<std::string>& packets) {
    std::vector<std::int64_t> all;
    for (const std::string& packet : packets) all.push_back(std::stoll(packet));
    return all;
}

}  // namespace millrace::pipeline::test
