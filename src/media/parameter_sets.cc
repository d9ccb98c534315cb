#include "media/parameter_sets.h"

#include <algorithm>

#include "media/nal_units.h"

namespace millrace::media {

namespace {

using Bytes = std::span<const std::byte>;
using Nals = std::vector<std::vector<std::byte>>;

// Reads big-endian numbers; past the end it reads zeros.
class Cursor {
  public:
    explicit Cursor(Bytes data) : data_(data) {}

    std::size_t number(int bytes) {
        std::size_t value = 0;
        for (int i = 0; i < bytes; ++i) {
            value = value << 8U | (data_.empty() ? 0 : std::to_integer<std::size_t>(data_.front()));
            if (!data_.empty()) data_ = data_.subspan(1);
        }
        return value;
    }

    Bytes bytes(std::size_t count) {
        const Bytes out = data_.first(std::min(count, data_.size()));
        data_ = data_.subspan(out.size());
        return out;
    }

    void take_nals(std::size_t count, Nals& out) {
        for (std::size_t i = 0; i < count && !data_.empty(); ++i) {
            const Bytes nal = bytes(number(2));
            if (!nal.empty()) out.emplace_back(nal.begin(), nal.end());
        }
    }

  private:
    Bytes data_;
};

Nals annex_b_nals(Bytes extradata) {
    Nals out;
    for_each_nal(extradata, 0, [&out](Bytes nal) {
        out.emplace_back(nal.begin(), nal.end());
        return true;
    });
    return out;
}

}  // namespace

void ParameterSets::add_carried(Bytes nal) {
    const bool known = std::ranges::any_of(known_, [nal](const auto& one) { return std::ranges::equal(one, nal); });
    changed_ = changed_ || !known;
}

Nals extradata_nals_h264(Bytes extradata) {
    if (nal_length_size_h264(extradata) == 0) return annex_b_nals(extradata);
    Nals out;
    Cursor cursor(extradata.subspan(5));
    cursor.take_nals(cursor.number(1) & 0x1fU, out);
    cursor.take_nals(cursor.number(1), out);
    return out;
}

Nals extradata_nals_hevc(Bytes extradata) {
    if (nal_length_size_hevc(extradata) == 0) return annex_b_nals(extradata);
    Nals out;
    Cursor cursor(extradata.subspan(22));
    const std::size_t arrays = cursor.number(1);
    for (std::size_t i = 0; i < arrays; ++i) {
        cursor.number(1);
        cursor.take_nals(cursor.number(2), out);
    }
    return out;
}

}  // namespace millrace::media
