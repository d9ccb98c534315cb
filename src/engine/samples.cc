#include "engine/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "device/copy.h"
#include "device/picture.h"
#include "device/stream.h"
#include "infer/tiles.h"
#include "media/frame_reader.h"
#include "ops/to_tensor.h"
#include "pipeline/model_io.h"

namespace millrace::engine {

namespace {

constexpr std::size_t places_of_pictures = 4;  // of the video that are looked at
constexpr std::size_t places_of_classes = 20;
constexpr std::size_t most_samples = 200;
constexpr std::size_t most_bytes = std::size_t{256} << 20U;  // of samples, in the host's memory
constexpr double most_seconds = 3;                           // of reading
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

    [[nodiscard]] std::size_t entry_bytes(const core::PictureDesc& picture) const {
        return frame_desc(picture).byte_count() * static_cast<std::size_t>(plan_.model.window.frames());
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

// Where in a video windows are, and how many.
struct Wanted {
    std::size_t places = places_of_pictures;
    std::size_t each = 1;  ///< windows at a place, one behind the other
};

// A share of a percent shows in many frames only, and those of a classifier cost little.
Wanted wanted_for(const infer::ModelDescription& model, std::size_t entry_bytes) {
    if (!infer::is_classifier(model)) return {};
    const std::size_t fitting = most_bytes / std::max<std::size_t>(entry_bytes, 1);
    const std::size_t all = std::clamp(fitting, places_of_pictures, most_samples);
    const std::size_t places = std::min(places_of_classes, all);
    return {places, all / places};
}

// Windows from all over the video; where it cannot be cut, from its beginning. Each place has its share of the time,
// and one window whatever that takes.
class WindowReader {
  public:
    WindowReader(const OpenedInput& input, const media::DecoderOptions& decoder)
        : index_(*input.index), reader_(media::open_frame_reader(input.options, decoder, index_)) {}

    void read(Wanted wanted, int frames, const std::function<void(const Pictures&)>& take) {
        const std::size_t points = index_.access_points.size();
        const bool jumps = index_.segmentable() && points >= places_of_pictures;
        const std::size_t all = wanted.places * wanted.each;
        const std::size_t places = jumps ? std::min(wanted.places, points) : 1;
        for (std::size_t place = 0; place < places; ++place) {
            media::FrameRange range;
            if (jumps) range.begin = index_.access_points[place * points / places].pts;
            // What follows belongs to the next place, where it would be seen twice.
            if (jumps && wanted.each > 1 && place + 1 < places) {
                range.end = index_.access_points[(place + 1) * points / places].pts;
            }
            reader_->start(range);
            const double until = most_seconds * static_cast<double>(place + 1) / static_cast<double>(places);
            const std::size_t least = jumps ? 1 : places_of_pictures;
            for (std::size_t i = 0; i < (all + places - 1) / places; ++i) {
                if (i >= least && core::seconds_since(begin_) > until) break;
                const Pictures window = read_window(*reader_, frames);
                if (window.empty()) break;
                take(window);
            }
        }
    }

  private:
    const media::PacketIndex& index_;
    std::unique_ptr<media::FrameReader> reader_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

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

Samples::Samples(const OpenedInput& input, const media::DecoderOptions& decoder, const pipeline::ModelPlan& plan)
    : pool_({}, "samples", device::unbounded) {
    if (input.is_pipe()) {
        draw(input.video().picture, plan);
        return;
    }
    EntryMaker maker(plan, pool_);
    const auto take = [&](const Pictures& window) { entries_.push_back(maker.make(window)); };
    const Wanted wanted = wanted_for(plan.model, maker.entry_bytes(input.video().picture));
    WindowReader(input, decoder).read(wanted, plan.model.window.frames(), take);
    text_ = fmt::format("{} frame{}", entries_.size(), entries_.size() == 1 ? "" : "s");
}

Samples::Samples(const pipeline::ModelPlan& plan) : pool_({}, "samples", device::unbounded) {
    core::PictureDesc picture;
    picture.width = plan.frame.width;
    picture.height = plan.frame.height;
    picture.color = {core::Matrix::bt709, core::Range::limited, 1, 1, core::ChromaSiting::left};
    draw(picture, plan);
}

void Samples::draw(const core::PictureDesc& picture, const pipeline::ModelPlan& plan) {
    EntryMaker maker(plan, pool_);
    for (int i = 0; i < patterns; ++i) {
        Pictures window;
        window.push_back(device::lease_picture(pool_, picture));
        draw_pattern(window.front(), i);
        entries_.push_back(maker.make(window));
    }
    text_ = fmt::format("{} test patterns", entries_.size());
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

}  // namespace millrace::engine
