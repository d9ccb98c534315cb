#include "engine/half_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/half.h"
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
constexpr double least_decibels = 40;
constexpr double most_error = 0.01;

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

std::vector<float> floats_of(const core::TensorDesc& desc, const std::byte* data, std::size_t count) {
    std::vector<float> values;
    if (desc.dtype == core::DType::float32) {
        values.resize(count);
        std::memcpy(values.data(), data, count * sizeof(float));
    }
    if (desc.dtype == core::DType::float16) {
        std::vector<std::uint16_t> halves(count);
        std::memcpy(halves.data(), data, count * sizeof(std::uint16_t));
        values.resize(count);
        std::ranges::transform(halves, values.begin(), core::float_of_half);
    }
    return values;
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
    [[nodiscard]] std::vector<Results> run(std::span<const device::Tensor> entries) {
        std::vector<device::Tensor> inputs;
        for (std::size_t i = 0; i < session_.input_descs().size(); ++i) inputs.push_back(input(i, entries));
        std::vector<device::Tensor> outputs;
        for (const core::TensorDesc& desc : session_.output_descs())
            outputs.push_back(device::lease_tensor(device_, desc));
        session_.run(session_.stream(), inputs, outputs);
        std::vector<Results> results(entries.size());
        for (const device::Tensor& output : outputs) {
            const device::Tensor down = device::copied(stream_, host_, output);
            device::synchronize(stream_);
            const std::size_t bytes = output.desc.byte_count() / batch_;
            for (std::size_t i = 0; i < entries.size(); ++i) {
                results[i].push_back(
                    floats_of(output.desc, down.data + i * bytes, bytes / core::size_of(output.desc.dtype)));
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

// Over all values of one kind of result.
struct Distance {
    double squares = 0;  // of differences
    double largest_error = 0;
    double largest = 0;
    std::size_t count = 0;

    void add(const std::vector<float>& expected, const std::vector<float>& found) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const auto want = static_cast<double>(expected[i]);
            const auto have = static_cast<double>(found[i]);
            ++count;
            if (expected[i] == found[i] || (std::isnan(want) && std::isnan(have))) continue;
            const double error = std::isfinite(want - have) ? std::abs(want - have) : 1e30;
            squares += error * error;
            largest_error = std::max(largest_error, error);
            if (std::isfinite(want)) largest = std::max(largest, std::abs(want));
        }
        for (const float value : expected) {
            if (std::isfinite(value)) largest = std::max(largest, static_cast<double>(std::abs(value)));
        }
    }
};

HalfVerdict judge_picture(const infer::ModelDescription& model, const Distance& distance, const std::string& samples) {
    if (distance.squares == 0) return {true, fmt::format("equal to fp32 on {}", samples)};
    const double mean = distance.squares / static_cast<double>(distance.count);
    const auto peak = static_cast<double>(model.range);
    const double decibels = 10 * std::log10(peak * peak / mean);
    return {decibels >= least_decibels, fmt::format("{:.1f} dB of PSNR against fp32 on {}", decibels, samples)};
}

std::size_t top_of(const std::vector<float>& values) {
    return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

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

std::vector<Results> run_samples(infer::Session& session, const std::vector<device::Tensor>& entries) {
    SampleRunner runner(session);
    std::vector<Results> all;
    const std::span rest(entries);
    for (std::size_t i = 0; i < entries.size(); i += runner.batch()) {
        std::vector<Results> some = runner.run(rest.subspan(i, std::min(runner.batch(), entries.size() - i)));
        std::ranges::move(some, std::back_inserter(all));
    }
    return all;
}

HalfVerdict judge_half(const infer::ModelDescription& model, std::span<const Results> expected,
                       std::span<const Results> found, const std::string& samples) {
    const auto result = static_cast<std::size_t>(model.result_output);
    const bool picture = model.output == infer::OutputKind::picture;
    double worst = 0;
    Distance of_picture;
    for (std::size_t port = 0; port < model.outputs.size(); ++port) {
        Distance distance;
        for (std::size_t i = 0; i < expected.size(); ++i) distance.add(expected[i][port], found[i][port]);
        if (port == result) of_picture = distance;
        if (distance.largest_error > 0)
            worst = std::max(worst, distance.largest_error / std::max(distance.largest, 1e-30));
    }
    if (picture) return judge_picture(model, of_picture, samples);
    std::string text =
        fmt::format("values off by at most {:.2g} % of the largest against fp32 on {}", 100 * worst, samples);
    const std::vector<std::int64_t>& shape = model.outputs.at(result).desc.shape;
    if (shape.size() == 2 && !expected.empty() && expected[0][result].size() > 1) {
        std::size_t same = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            same += top_of(expected[i][result]) == top_of(found[i][result]) ? 1U : 0U;
        }
        text += fmt::format(", the highest value the same on {} of {}", same, expected.size());
    }
    return {worst <= most_error, text};
}

CheckedSession make_checked_session(const infer::ModelRequest& request, const pipeline::ModelPlan& plan,
                                    const Samples& samples) {
    infer::ModelRequest as_is = request;
    as_is.weights = infer::Weights::as_is;
    // Nothing is measured for a session that runs so few frames.
    as_is.choice = infer::RuntimeChoice{.provider = infer::Provider::cuda, .math = request.float_math};
    const std::vector<Results> expected =
        run_samples(*infer::make_session(as_is, plan.model, plan.input), samples.entries());

    CheckedSession checked;
    checked.session = infer::make_session(request, plan.model, plan.input);
    if (checked.session->report().choice.weights == infer::Weights::as_is) return checked;
    const HalfVerdict verdict =
        judge_half(plan.model, expected, run_samples(*checked.session, samples.entries()), samples.text());
    if (verdict.close) {
        checked.notes.push_back("fp16: " + verdict.text);
        return checked;
    }
    checked.fallbacks.push_back(fmt::format("fp16: {}: too far, so the model runs in fp32", verdict.text));
    as_is.choice.reset();
    checked.session.reset();
    checked.session = infer::make_session(as_is, plan.model, plan.input);
    return checked;
}

}  // namespace millrace::engine
