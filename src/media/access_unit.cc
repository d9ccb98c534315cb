#include "media/access_unit.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "media/bit_reader.h"
#include "media/nal_units.h"
#include "media/parameter_sets.h"

namespace millrace::media {

namespace {

using Bytes = std::span<const std::byte>;

constexpr unsigned sei_recovery_point = 6;  // the same number in H.264 and HEVC
constexpr std::size_t sei_limit = 4096;

unsigned at(Bytes data, std::size_t i) { return std::to_integer<unsigned>(data[i]); }

/// H.264, section 7.4.1.2: IDR pictures, and recovery points that need no further frame and match exactly (D.2.8).
class H264Scanner final : public AccessUnitScanner {
  public:
    explicit H264Scanner(Bytes extradata) : length_size_(nal_length_size_h264(extradata)) {
        for (const auto& nal : extradata_nals_h264(extradata)) sets_.add_known(nal);
    }

    AccessUnit scan(Bytes data, bool /*key*/) override {
        AccessUnit out;
        bool sequence_set = false;
        bool picture_set = false;
        for_each_nal(data, length_size_, [&, this](Bytes nal) {
            const unsigned type = at(nal, 0) & 0x1fU;
            if (type == 6) read_sei(nal, out);
            if (type == 5) out.random_access = true;
            if (type == 7 || type == 8) sets_.add_carried(nal);
            sequence_set = sequence_set || type == 7;
            picture_set = picture_set || type == 8;
            return type != 1 && type != 5;
        });
        const bool has_sets = (sequence_set && picture_set) || sets_.container_suffices();
        out.random_access = out.random_access && has_sets;
        return out;
    }

  private:
    static void read_sei(Bytes nal, AccessUnit& out) {
        const std::vector<std::byte> payload = unescape_nal(nal.subspan(1), sei_limit);
        const Bytes message = find_sei(payload, sei_recovery_point);
        if (message.empty()) return;
        BitReader bits(message);
        const bool at_once = bits.exp_golomb() == 0;
        const bool exact = bits.bit() == 1;
        out.random_access = out.random_access || (at_once && exact);
        out.gradual_refresh = out.gradual_refresh || !at_once;
    }

    int length_size_;
    ParameterSets sets_;
};

/// HEVC, section 7.4.2.2: IDR, BLA and CRA pictures. RASL pictures behind the first access point, and behind every BLA,
/// are not shown (8.1.3).
class HevcScanner final : public AccessUnitScanner {
  public:
    explicit HevcScanner(Bytes extradata) : length_size_(nal_length_size_hevc(extradata)) {
        for (const auto& nal : extradata_nals_hevc(extradata)) {
            if (!nal.empty() && is_parameter_set(type_of(nal))) sets_.add_known(nal);
        }
    }

    AccessUnit scan(Bytes data, bool /*key*/) override {
        AccessUnit out;
        bool sequence_set = false;
        bool picture_set = false;
        for_each_nal(data, length_size_, [&, this](Bytes nal) {
            sequence_set = sequence_set || type_of(nal) == 33;
            picture_set = picture_set || type_of(nal) == 34;
            return visit(nal, out);
        });
        const bool has_sets = (sequence_set && picture_set) || sets_.container_suffices();
        out.random_access = out.random_access && has_sets;
        return out;
    }

  private:
    static unsigned type_of(Bytes nal) { return (at(nal, 0) >> 1U) & 0x3fU; }
    static bool is_parameter_set(unsigned type) { return type >= 32 && type <= 34; }

    bool visit(Bytes nal, AccessUnit& out) {
        if (nal.size() < 2) return true;
        const bool base_layer = (at(nal, 0) & 1U) == 0 && (at(nal, 1) >> 3U) == 0;
        if (!base_layer) return true;
        const unsigned type = type_of(nal);
        if (is_parameter_set(type)) sets_.add_carried(nal);
        if (type == 39) read_sei(nal, out);
        if (type == 36) sequence_ended_ = true;
        if (type >= 32) return true;
        if (type >= 16 && type <= 21) {
            out.random_access = true;
            drops_rasl_ = type != 21 || sequence_ended_;
            sequence_ended_ = false;
        }
        if ((type == 8 || type == 9) && drops_rasl_) out.shown = 0;
        return false;
    }

    static void read_sei(Bytes nal, AccessUnit& out) {
        const std::vector<std::byte> payload = unescape_nal(nal.subspan(2), sei_limit);
        const Bytes message = find_sei(payload, sei_recovery_point);
        if (!message.empty() && BitReader(message).exp_golomb() != 0) out.gradual_refresh = true;
    }

    int length_size_;
    ParameterSets sets_;
    bool sequence_ended_ = true;  // the first picture begins a sequence
    bool drops_rasl_ = true;
};

/// VP8, RFC 6386 section 9.1.
class Vp8Scanner final : public AccessUnitScanner {
  public:
    AccessUnit scan(Bytes data, bool /*key*/) override {
        if (data.empty()) return {.shown = 0};
        return {.random_access = (at(data, 0) & 1U) == 0, .shown = (at(data, 0) & 0x10U) != 0 ? 1 : 0};
    }
};

/// VP9 bitstream specification, section 6.2 and annex B (superframes).
class Vp9Scanner final : public AccessUnitScanner {
  public:
    AccessUnit scan(Bytes data, bool /*key*/) override {
        AccessUnit out{.shown = 0};
        bool first = true;
        for (const Bytes frame : split(data)) {
            const Header header = read(frame);
            if (first) out.random_access = header.key;
            if (header.shown) ++out.shown;
            first = false;
        }
        return out;
    }

  private:
    struct Header {
        bool key = false;
        bool shown = false;
    };

    static Header read(Bytes frame) {
        BitReader bits(frame);
        bits.bits(2);
        const unsigned profile_low = bits.bit();
        const unsigned profile_high = bits.bit();
        if (profile_low == 1 && profile_high == 1) bits.bit();
        if (bits.bit() == 1) return {.key = false, .shown = true};  // show_existing_frame
        const bool key = bits.bit() == 0;
        return {.key = key, .shown = bits.bit() == 1};
    }

    static std::vector<Bytes> split(Bytes data) {
        if (data.empty()) return {};
        const unsigned marker = at(data, data.size() - 1);
        const std::size_t count = (marker & 7U) + 1;
        const std::size_t width = ((marker >> 3U) & 3U) + 1;
        const std::size_t index_size = 2 + width * count;
        const bool superframe =
            (marker & 0xe0U) == 0xc0U && data.size() >= index_size && at(data, data.size() - index_size) == marker;
        if (!superframe) return {data};
        std::vector<Bytes> frames;
        Bytes sizes = data.subspan(data.size() - index_size + 1);
        Bytes rest = data.first(data.size() - index_size);
        for (std::size_t i = 0; i < count; ++i) {
            std::size_t size = 0;
            for (std::size_t b = 0; b < width; ++b)
                size |= static_cast<std::size_t>(at(sizes, i * width + b)) << (8 * b);
            size = std::min(size, rest.size());
            if (size > 0) frames.push_back(rest.first(size));
            rest = rest.subspan(size);
        }
        return frames;
    }
};

/// AV1 bitstream specification, section 5.3 to 5.9: a temporal unit with a sequence header and a key frame shown at
/// once.
class Av1Scanner final : public AccessUnitScanner {
  public:
    AccessUnit scan(Bytes data, bool /*key*/) override {
        AccessUnit out;
        bool sequence_header = false;
        while (data.size() >= 2) {
            const unsigned type = (at(data, 0) >> 3U) & 15U;
            const bool extension = (at(data, 0) & 4U) != 0;
            const bool sized = (at(data, 0) & 2U) != 0;
            data = data.subspan(std::min<std::size_t>(extension ? 2 : 1, data.size()));
            const std::size_t size = sized ? leb128(data) : data.size();
            const Bytes payload = data.first(std::min(size, data.size()));
            if (type == 1) sequence_header = true;
            if (type == 3 || type == 6) {
                BitReader bits(payload);
                const bool existing = bits.bit() == 1;
                const bool key = bits.bits(2) == 0;
                out.random_access = sequence_header && !existing && key && bits.bit() == 1;
                return out;
            }
            data = data.subspan(payload.size());
        }
        return out;
    }

  private:
    static std::size_t leb128(Bytes& data) {
        std::size_t value = 0;
        for (unsigned i = 0; i < 8 && !data.empty(); ++i) {
            const unsigned byte = at(data, 0);
            data = data.subspan(1);
            value |= static_cast<std::size_t>(byte & 0x7fU) << (7 * i);
            if ((byte & 0x80U) == 0) break;
        }
        return value;
    }
};

/// How often 00 00 01 `code` stands in the data.
int count_start_codes(Bytes data, unsigned code) {
    int count = 0;
    for (std::size_t i = 3; i < data.size(); ++i) {
        const bool found = at(data, i) == code && at(data, i - 1) == 1 && at(data, i - 2) == 0 && at(data, i - 3) == 0;
        if (found) ++count;
    }
    return count;
}

/// MPEG-1 and MPEG-2: an I picture behind a sequence header (ISO/IEC 13818-2 section 6.1.1.6).
class MpegScanner final : public AccessUnitScanner {
  public:
    AccessUnit scan(Bytes data, bool key) override {
        constexpr unsigned sequence_header = 0xb3;
        return {.random_access = key && count_start_codes(data.first(std::min<std::size_t>(data.size(), 4096)),
                                                          sequence_header) > 0};
    }
};

/// MPEG-4 part 2: packets of one coded picture. Some AVI writers pack two in one and none in the next.
class Mpeg4Scanner final : public AccessUnitScanner {
  public:
    AccessUnit scan(Bytes data, bool key) override {
        constexpr unsigned picture = 0xb6;
        constexpr std::size_t least_coded = 10;  // bytes; a picture that is not coded takes fewer
        const int pictures = count_start_codes(data, picture);
        return {
            .random_access = key && pictures == 1, .uncertain = pictures != 1 || data.size() < least_coded, .shown = 1};
    }
};

/// Codecs whose key frames depend on nothing before them, as the container or parser marks them.
class KeyFrameScanner final : public AccessUnitScanner {
  public:
    AccessUnit scan(Bytes /*data*/, bool key) override { return {.random_access = key}; }
};

constexpr std::array<std::string_view, 14> key_frame_codecs{
    "prores",  "ffv1",    "mjpeg",  "dnxhd", "rawvideo", "png",  "huffyuv",
    "ffvhuff", "utvideo", "theora", "cfhd",  "jpeg2000", "v210", "dvvideo",
};

}  // namespace

std::unique_ptr<AccessUnitScanner> make_access_unit_scanner(const std::string& codec, Bytes extradata) {
    if (codec == "h264") return std::make_unique<H264Scanner>(extradata);
    if (codec == "hevc") return std::make_unique<HevcScanner>(extradata);
    if (codec == "mpeg1video" || codec == "mpeg2video") return std::make_unique<MpegScanner>();
    if (codec == "mpeg4") return std::make_unique<Mpeg4Scanner>();
    if (codec == "vp8") return std::make_unique<Vp8Scanner>();
    if (codec == "vp9") return std::make_unique<Vp9Scanner>();
    if (codec == "av1") return std::make_unique<Av1Scanner>();
    if (std::ranges::find(key_frame_codecs, codec) != key_frame_codecs.end())
        return std::make_unique<KeyFrameScanner>();
    return nullptr;
}

}  // namespace millrace::media
