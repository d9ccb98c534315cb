#include "engine/half_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "core/error.h"
#include "device/copy.h"
#include "device/picture.h"
#include "device/stream.h"
#include "infer/tiles.h"
#include "media/frame_reader.h"
#include "ops/to_tensor.h"
#include "pipeline/model_io.h"

namespace millrace::engine {

namespace {

constexpr std::size_t places = 4;  // of the video that are looked at
constexpr int patterns = 2;

using Pictures = std::vector<device::Picture>;

// Pictures of one window become one entry.
class EntryMaker {
  public:
    EntryMaker(const pipeline::ModelPlan& plan, device::BufferPool& pool) : plan_(plan), pool_(pool) {
        if (plan.model.tile) tiles_ = infer::plan_tiles(plan.model, plan.frame);
    }

    [[nodiscard]] device::Tensor make(const Pictures& window) {
        core::TensorDesc desc = frame_desc(window.front().desc);
        const auto frames = static_cast<std::int64_t>(plan_.model.window.frames());
        desc.shape.insert(desc.shape.begin(), frames);
        device::Tensor entry = device::lease_tensor(pool_, desc);
        for (std::int64_t i = 0; i < frames; ++i) {
            const auto at = std::min(static_cast<std::size_t>(i), window.size() - 1);
            fill(window[at], entry.at(i));
        }
        return entry;
    }

  private:
    [[nodiscard]] ops::ToTensor converter(const core::PictureDesc& desc) const {
        return {desc, pipeline::input_spec(plan_.model),
                pipeline::fit_to(plan_.model, {desc.width, desc.height}, plan_.frame)};
    }

    [[nodiscard]] core::TensorDesc frame_desc(const core::PictureDesc& desc) const {
        core::TensorDesc frame = converter(desc).output();
        if (tiles_) frame.shape = pipeline::with_size(frame.shape, plan_.model.layout, tiles_->tile);
        return frame;
    }

    void fill(const device::Picture& picture, const device::Tensor& target) {
        const ops::ToTensor op = converter(picture.desc);
        if (!tiles_) return op.run(device::host_stream(), picture, target);
        const device::Tensor whole = device::lease_tensor(pool_, op.output());
        op.run(device::host_stream(), picture, whole);
        infer::gather_tile(device::host_stream(), *tiles_, tiles_->tiles.size() / 2, whole, target);
    }

    const pipeline::ModelPlan& plan_;
    device::BufferPool& pool_;
    std::optional<infer::TilePlan> tiles_;
};

// As many frames as the reader has, up to a window's.
Pictures read_window(media::FrameReader& reader, int frames) {
    Pictures window;
    for (device::Picture picture; static_cast<int>(window.size()) < frames && reader.next(picture);) {
        window.push_back(std::move(picture));
    }
    return window;
}

// Windows from all over the video; where it cannot be cut, from its beginning.
std::vector<Pictures> read_windows(const OpenedInput& input, const media::DecoderOptions& decoder, int frames) {
    const media::PacketIndex& index = *input.index;
    const auto reader = media::open_frame_reader(input.options, decoder, index);
    std::vector<Pictures> windows;
    const std::size_t points = index.access_points.size();
    const bool jumps = index.segmentable() && points >= places;
    if (!jumps) reader->start({});
    for (std::size_t i = 0; i < places; ++i) {
        if (jumps) {
            media::FrameRange range;
            range.begin = index.access_points[i * points / places].pts;
            reader->start(range);
        }
        Pictures window = read_window(*reader, frames);
        if (window.empty()) break;
        windows.push_back(std::move(window));
    }
    return windows;
}

// Waves, with noise on them from the second pattern on; the same every time.
void draw_pattern(const device::Picture& picture, int number) {
    std::uint32_t state = 1;
    const int shift = picture.desc.format.alignment == core::Alignment::high ? 16 - picture.desc.format.depth : 0;
    for (int plane = 0; plane < picture.desc.format.plane_count(); ++plane) {
        const device::PlaneView& view = picture.planes.at(static_cast<std::size_t>(plane));
        for (int y = 0; y < core::plane_rows(picture.desc, plane); ++y) {
            std::byte* row = view.data + y * view.pitch;
            for (int x = 0; x < core::plane_samples(picture.desc, plane); ++x) {
                state = state * 1664525U + 1013904223U;
                const double noise = number == 0 ? 0 : static_cast<double>(state >> 8U) * 0x1p-24 - 0.5;
                const double level = 0.5 + 0.3 * std::sin(0.05 * x) * std::cos(0.07 * y) + 0.3 * noise;
                const auto code = static_cast<unsigned>(std::lround(level * ((1 << picture.desc.format.depth) - 1)));
                const auto sample = static_cast<std::uint16_t>(code << static_cast<unsigned>(shift));
                const auto bytes = static_cast<std::size_t>(picture.desc.format.bytes_per_sample());
                std::memcpy(row + static_cast<std::size_t>(x) * bytes, &sample, bytes);
            }
        }
    }
}

// Runs batches of samples, between host memory and the session's.
class SampleRunner {
  public:
    explicit SampleRunner(infer::Session& session)
        : session_(session),
          host_({}, "samples", device::unbounded),
          device_(session.stream().device, "samples", device::unbounded),
          stream_(session.stream().device),
          picture_(static_cast<std::size_t>(session.model().picture_input)),
          batch_(static_cast<std::size_t>(session.input_descs().at(picture_).shape.front())) {}

    [[nodiscard]] std::size_t batch() const { return batch_; }

    // Places that no sample is left for repeat the last one.
    [[nodiscard]] std::vector<infer::Results> run(std::span<const device::Tensor> entries) {
        std::vector<device::Tensor> inputs;
        for (std::size_t i = 0; i < session_.input_descs().size(); ++i) inputs.push_back(input(i, entries));
        std::vector<device::Tensor> outputs;
        for (const core::TensorDesc& desc : session_.output_descs())
            outputs.push_back(device::lease_tensor(device_, desc));
        session_.run(session_.stream(), {inputs, outputs});
        std::vector<infer::Results> results(entries.size());
        for (const device::Tensor& output : outputs) {
            const device::Tensor down = device::copied(stream_, host_, output);
            device::synchronize(stream_);
            const std::size_t bytes = output.desc.byte_count() / batch_;
            for (std::size_t i = 0; i < entries.size(); ++i) {
                results[i].push_back(
                    infer::floats_of(output.desc, down.data + i * bytes, bytes / core::size_of(output.desc.dtype)));
            }
        }
        return results;
    }

  private:
    [[nodiscard]] device::Tensor input(std::size_t port, std::span<const device::Tensor> entries) {
        const core::TensorDesc& desc = session_.input_descs()[port];
        const device::Tensor values = device::lease_tensor(host_, desc);
        std::memset(values.data, 0, desc.byte_count());
        const std::size_t bytes = desc.byte_count() / batch_;
        for (std::size_t i = 0; port == picture_ && i < batch_; ++i) {
            std::memcpy(values.data + i * bytes, entries[std::min(i, entries.size() - 1)].data, bytes);
        }
        device::Tensor up = device::copied(stream_, device_, values);
        device::synchronize(stream_);
        return up;
    }

    infer::Session& session_;
    device::BufferPool host_;
    device::BufferPool device_;
    device::Stream stream_;
    std::size_t picture_;
    std::size_t batch_;
};

}  // namespace

void check_weights(const Job& job, device::DeviceId device) {
    if (job.model.weights == ModelWeights::as_is) return;
    if (job.model.path.empty())
        throw core::Error(core::ErrorCode::usage, "--fp16: there is no model; give one with -m");
    if (device.kind == device::DeviceKind::cuda) return;
    throw core::Error(core::ErrorCode::usage,
                      "--fp16: the CPU computes in float32 and would only be slower; give a GPU with --device cuda, or "
                      "leave it out");
}

Samples::Samples(const OpenedInput& input, const media::DecoderOptions& decoder, const pipeline::ModelPlan& plan)
    : pool_({}, "samples", device::unbounded) {
    EntryMaker maker(plan, pool_);
    if (input.is_pipe()) {
        for (int i = 0; i < patterns; ++i) {
            Pictures window;
            window.push_back(device::lease_picture(pool_, input.video().picture));
            draw_pattern(window.front(), i);
            entries_.push_back(maker.make(window));
        }
        text_ = fmt::format("{} test patterns", entries_.size());
        return;
    }
    for (const Pictures& window : read_windows(input, decoder, plan.model.window.frames())) {
        entries_.push_back(maker.make(window));
    }
    text_ = fmt::format("{} frame{}", entries_.size(), entries_.size() == 1 ? "" : "s");
}

std::vector<infer::Results> run_samples(infer::Session& session, const std::vector<device::Tensor>& entries) {
    SampleRunner runner(session);
    std::vector<infer::Results> all;
    const std::span rest(entries);
    for (std::size_t i = 0; i < entries.size(); i += runner.batch()) {
        std::vector<infer::Results> some = runner.run(rest.subspan(i, std::min(runner.batch(), entries.size() - i)));
        std::ranges::move(some, std::back_inserter(all));
    }
    return all;
}

std::unique_ptr<infer::Session> make_reference_session(const infer::ModelRequest& request,
                                                       const pipeline::ModelPlan& plan) {
    infer::ModelRequest as_is = request;
    as_is.weights = infer::Weights::as_is;
    as_is.choice = infer::RuntimeChoice{.provider = infer::Provider::cuda, .math = request.float_math};
    return infer::make_session(as_is, plan.model, plan.input);
}

CheckedSession make_checked_session(const infer::ModelRequest& request, const pipeline::ModelPlan& plan,
                                    const Samples& samples) {
    const std::vector<infer::Results> expected = run_samples(*make_reference_session(request, plan), samples.entries());

    CheckedSession checked;
    checked.session = infer::make_session(request, plan.model, plan.input);
    if (checked.session->report().choice.weights == infer::Weights::as_is) return checked;
    const infer::Verdict verdict = infer::judge(plan.model, expected, run_samples(*checked.session, samples.entries()),
                                                "fp32 on " + samples.text());
    if (verdict.close) {
        checked.notes.push_back("fp16: " + verdict.text);
        return checked;
    }
    checked.fallbacks.push_back(fmt::format("fp16: {}: too far, so the model runs in fp32", verdict.text));
    infer::ModelRequest as_is = request;
    as_is.weights = infer::Weights::as_is;
    checked.session.reset();
    checked.session = infer::make_session(as_is, plan.model, plan.input);
    return checked;
}

}  // namespace millrace::engine
