#include "media/nvidia/decoder.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "media/nvidia/out_queue.h"
#include "media/nvidia/parser.h"
#include "media/nvidia/sequence.h"
#include "media/nvidia/session.h"

namespace millrace::media::nvidia {

namespace {

// Pictures that wait for being decoded, so that the chip always has work: its documentation maps the picture before
// the last four.
constexpr int pictures_ahead = 4;
// Between what the parser needs and what the chip allows.
constexpr int spare_surfaces = pictures_ahead + 2;
constexpr int most_surfaces = 32;
// Streams whose parser does not say: what every codec can do with.
constexpr int default_surfaces = 20;
// Packets whose picture may still come: no codec reorders further, and packets without a picture fall out in time.
constexpr std::size_t notes_kept = 256;

/// What the picture of a packet gets from it.
struct Note {
    std::int64_t pts = core::no_pts;
    std::int64_t duration = 0;
    bool key = false;
    bool discard = false;
};

/// What is in a surface.
struct Surface {
    std::shared_ptr<const Sequence> sequence;  ///< null: nothing
    std::weak_ptr<Session> session;            ///< not held: when a size changes, the former one goes back to the pool
    bool rejected = false;                     ///< the chip did not take the picture
};

class NvidiaDecoder final : public Decoder, private ParserEvents {
  public:
    NvidiaDecoder(DecoderParts parts, const DecoderOptions& options, cudaVideoCodec codec)
        : parts_(std::move(parts)), codec_(codec), budget_(options.surfaces), out_({*options.pictures, options.stop}) {}

    core::Feed send(const Packet& packet) override;
    void finish() override;
    core::Receive receive(device::Picture& picture) override;
    void reset() override;
    [[nodiscard]] std::int64_t errors() const override { return errors_ + parts_.filter->errors() + out_.errors(); }

  private:
    int on_sequence(const CUVIDEOFORMAT& format) override;
    void on_decode(CUVIDPICPARAMS& picture) override;
    void on_display(const CUVIDPARSERDISPINFO& info) override;
    void parse(const Packet& packet);
    bool parse_first(const Packet& packet);
    [[nodiscard]] std::string why_not_now(const CUVIDEOFORMAT& format) const;
    void adopt(const Sequence& sequence, int surfaces);
    [[nodiscard]] std::shared_ptr<Session> acquire(const CodedFormat& format, int surfaces) {
        return parts_.sessions.acquire(parts_.library, format, surfaces, budget_);
    }
    [[nodiscard]] Note note_of(std::int64_t pts);
    [[nodiscard]] std::size_t ahead() const;

    DecoderParts parts_;
    cudaVideoCodec codec_;
    std::shared_ptr<SurfaceBudget> budget_;
    std::shared_ptr<Session> session_;
    std::shared_ptr<const Sequence> sequence_;
    std::array<Surface, most_surfaces> surfaces_;
    std::deque<Note> notes_;
    OutQueue out_;
    std::int64_t errors_ = 0;
    std::size_t given_ = 0;  // pictures since the beginning or reset()
    bool finished_ = false;
    std::optional<Parser> parser_;  // last: its destruction may call back
};

core::Feed NvidiaDecoder::send(const Packet& packet) {
    if (packet.data.empty()) return core::Feed::accepted;
    if (out_.waiting() > ahead()) return core::Feed::full;
    parts_.filter->send(packet);
    Packet filtered;
    while (parts_.filter->receive(filtered)) parse(filtered);
    return core::Feed::accepted;
}

void NvidiaDecoder::parse(const Packet& packet) {
    if (packet.data.empty()) return;
    notes_.push_back({.pts = packet.pts, .duration = packet.duration, .key = packet.key, .discard = packet.discard});
    if (notes_.size() > notes_kept) notes_.pop_front();
    const bool sound = parser_ ? parser_->parse(packet.data, packet.pts) : parse_first(packet);
    if (!sound) ++errors_;
}

// Headers and the first picture are one packet to the parser: it has one time for each.
bool NvidiaDecoder::parse_first(const Packet& packet) {
    std::vector<std::byte> bytes = parts_.filter->headers();
    ParserEvents& events = *this;
    parser_.emplace(parts_.library, codec_, events, bytes);
    bytes.insert(bytes.end(), packet.data.begin(), packet.data.end());
    return parser_->parse(bytes, packet.pts);
}

void NvidiaDecoder::finish() {
    finished_ = true;
    if (parser_ && !parser_->finish()) ++errors_;
}

// A parser of its own for each pass: nothing that one knew can reach the next. The decoder stays.
void NvidiaDecoder::reset() {
    parser_.reset();
    parts_.filter->reset();
    out_.clear();
    notes_.clear();
    surfaces_ = {};
    given_ = 0;
    finished_ = false;
}

// The first picture is not kept waiting for others.
std::size_t NvidiaDecoder::ahead() const { return finished_ ? 0 : std::min<std::size_t>(pictures_ahead, given_); }

core::Receive NvidiaDecoder::receive(device::Picture& picture) {
    for (;;) {
        if (!out_.has_ready() && out_.waiting() <= ahead()) {
            if (finished_ && out_.waiting() == 0) return core::Receive::end;
            if (!finished_) return core::Receive::needs_input;
        }
        switch (out_.take(picture)) {
            case Taken::picture:
                ++given_;
                return core::Receive::ready;
            case Taken::nothing:
                break;
            case Taken::stopped:
                return core::Receive::end;
        }
    }
}

std::string NvidiaDecoder::why_not_now(const CUVIDEOFORMAT& format) const {
    const bool gray = format.chroma_format == cudaVideoChromaFormat_Monochrome;
    if (!gray && format.bit_depth_chroma_minus8 != format.bit_depth_luma_minus8) {
        return "luma and chroma have different depths";
    }
    if (!shows_anything(format)) return "no part of the picture is shown";
    return why_not(parts_.library, coded_format(format));
}

int NvidiaDecoder::on_sequence(const CUVIDEOFORMAT& format) {
    const std::string reason = why_not_now(format);
    if (!reason.empty() && !session_) {
        throw core::Error(core::ErrorCode::bad_input, fmt::format("{}: its video stream is {}: {}; decode on the CPU",
                                                                  parts_.path, describe(coded_format(format)), reason));
    }
    if (!reason.empty()) {
        // Damaged headers, most likely. Nothing comes out until sound ones follow, and the reader lists what is
        // missing.
        core::log::debug("{}: its video stream becomes {}: {}", parts_.path, describe(coded_format(format)), reason);
        ++errors_;
        sequence_ = nullptr;
        return session_->surfaces();
    }
    const int needed = format.min_num_decode_surfaces > 0 ? format.min_num_decode_surfaces : default_surfaces;
    adopt(sequence_of(format, parts_.stream), std::min(needed + spare_surfaces, most_surfaces));
    return session_->surfaces();
}

void NvidiaDecoder::adopt(const Sequence& sequence, int surfaces) {
    const bool same = session_ && session_->format() == sequence.format && session_->surfaces() >= surfaces;
    // VP9 and AV1 may change size between key frames, with references of the size before.
    const bool keeps_references = codec_ == cudaVideoCodec_VP9 || codec_ == cudaVideoCodec_AV1;
    if (!same && session_ && keeps_references && session_->has_room(sequence.format, surfaces)) {
        out_.settle();
        session_->reconfigure(sequence.format);
    } else if (!same) {
        // What is still to be shown holds the former one until then, or until there is no memory for both.
        session_ = nullptr;
        try {
            session_ = acquire(sequence.format, surfaces);
        } catch (const core::Error&) {
            if (out_.waiting() == 0) throw;
            out_.settle();
            session_ = acquire(sequence.format, surfaces);
        }
    }
    sequence_ = std::make_shared<const Sequence>(sequence);
}

void NvidiaDecoder::on_decode(CUVIDPICPARAMS& picture) {
    const auto index = static_cast<std::size_t>(picture.CurrPicIdx);
    if (picture.CurrPicIdx < 0 || picture.CurrPicIdx >= most_surfaces) return;
    if (!sequence_ || picture.CurrPicIdx >= session_->surfaces()) {
        surfaces_.at(index) = {};
        ++errors_;
        return;
    }
    // The parser goes round its surfaces, so this does not happen while there are spare ones.
    out_.settle(*session_, picture.CurrPicIdx);
    Surface& surface = surfaces_.at(index);
    const bool second_field = picture.second_field != 0 && surface.session.lock() == session_;
    const CUresult result = session_->decode(picture);
    if (is_fatal(result)) {
        throw_failure(parts_.library, result, "cuvidDecodePicture",
                      fmt::format("{}: decoding {}", parts_.path, describe(session_->format())));
    }
    const bool rejected = result != CUDA_SUCCESS;
    if (rejected) ++errors_;
    surface = {.sequence = sequence_, .session = session_, .rejected = rejected || (second_field && surface.rejected)};
}

void NvidiaDecoder::on_display(const CUVIDPARSERDISPINFO& info) {
    if (info.picture_index < 0 || info.picture_index >= most_surfaces) return;
    const Surface& surface = surfaces_.at(static_cast<std::size_t>(info.picture_index));
    const Note note = note_of(info.timestamp);
    std::shared_ptr<Session> session = surface.session.lock();
    if (!session || surface.rejected || note.discard) return;
    if (session->format() != surface.sequence->format) {
        // Decoded before a VP9 stream changed its size: the surface can only be seen in the new shape.
        ++errors_;
        return;
    }
    Shown shown;
    shown.sequence = surface.sequence;
    shown.session = std::move(session);
    shown.index = info.picture_index;
    shown.parameters.progressive_frame = info.progressive_frame;
    shown.parameters.second_field = info.repeat_first_field + 1;
    shown.parameters.top_field_first = info.top_field_first;
    shown.parameters.unpaired_field = info.repeat_first_field < 0 ? 1 : 0;
    shown.pts = note.pts;
    shown.duration = note.duration;
    shown.flags = {.key = note.key, .corrupt = false, .interlaced = info.progressive_frame == 0};
    out_.push(std::move(shown));
}

// The parser makes up times for packets without one; those are not ours.
Note NvidiaDecoder::note_of(std::int64_t pts) {
    // From the newest: times may be repeated where two files were joined.
    const auto found =
        std::find_if(notes_.rbegin(), notes_.rend(), [pts](const Note& note) { return note.pts == pts; });
    if (found != notes_.rend()) return *found;
    core::log::debug("{}: a picture is shown at {}, which is no packet's time", parts_.path, pts);
    return {};
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(DecoderParts parts, const DecoderOptions& options) {
    assert(options.pictures != nullptr);
    const Wanted wanted = wanted_format(parts.stream);
    if (!wanted.why_not.empty()) {
        throw core::Error(core::ErrorCode::bad_input, fmt::format("{}: {}", parts.path, wanted.why_not));
    }
    return std::make_unique<NvidiaDecoder>(std::move(parts), options, wanted.format.codec);
}

std::unique_ptr<Decoder> make_decoder(const Source& source, const DecoderOptions& options) {
    return make_decoder({.library = open_library(options.device.index),
                         .sessions = session_pool(),
                         .filter = make_parser_filter(source),
                         .stream = source.info().video_stream(),
                         .path = source.info().path},
                        options);
}

std::optional<std::string> why_not(const StreamInfo& stream, int index) {
    const Library& library = open_library(index);
    const Wanted wanted = wanted_format(stream);
    std::string reason = wanted.why_not.empty() ? why_not(library, wanted.format) : wanted.why_not;
    return reason.empty() ? std::nullopt : std::optional(std::move(reason));
}

std::size_t surface_bytes(const StreamInfo& stream) {
    const Wanted wanted = wanted_format(stream);
    if (!wanted.why_not.empty()) return 0;
    return surface_bytes(roomy(wanted.format), default_surfaces + spare_surfaces);
}

}  // namespace millrace::media::nvidia
