#include "media/nal_units.h"

#include <algorithm>
#include <cstring>

namespace millrace::media {

namespace {

using Bytes = std::span<const std::byte>;

unsigned at(Bytes data, std::size_t i) { return std::to_integer<unsigned>(data[i]); }

// Offset of the next 00 00 01, or the end.
std::size_t find_start_code(Bytes data, std::size_t from) {
    while (from + 3 <= data.size()) {
        const void* hit = std::memchr(data.data() + from + 2, 1, data.size() - from - 2);
        if (hit == nullptr) break;
        const auto one = static_cast<std::size_t>(static_cast<const std::byte*>(hit) - data.data());
        if (at(data, one - 1) == 0 && at(data, one - 2) == 0) return one - 2;
        from = one - 1;
    }
    return data.size();
}

void walk_annex_b(Bytes data, const std::function<bool(Bytes)>& visit) {
    std::size_t start = find_start_code(data, 0);
    while (start + 3 < data.size()) {
        const std::size_t next = find_start_code(data, start + 3);
        std::size_t end = next;
        while (end > start + 3 && next < data.size() && at(data, end - 1) == 0) --end;
        if (end > start + 3 && !visit(data.subspan(start + 3, end - start - 3))) return;
        start = next;
    }
}

void walk_lengths(Bytes data, std::size_t length_size, const std::function<bool(Bytes)>& visit) {
    while (data.size() > length_size) {
        std::size_t length = 0;
        for (std::size_t i = 0; i < length_size; ++i) length = length << 8U | at(data, i);
        data = data.subspan(length_size);
        if (length > data.size()) return;
        if (length > 0 && !visit(data.first(length))) return;
        data = data.subspan(length);
    }
}

// SEI types and sizes are sums of bytes, 255 meaning "and more".
unsigned read_sum(Bytes& data) {
    unsigned sum = 0;
    while (!data.empty()) {
        const unsigned value = at(data, 0);
        data = data.subspan(1);
        sum += value;
        if (value != 255) break;
    }
    return sum;
}

}  // namespace

int nal_length_size_h264(Bytes extradata) {
    if (extradata.size() < 7 || at(extradata, 0) != 1) return 0;
    return static_cast<int>(at(extradata, 4) & 3U) + 1;
}

int nal_length_size_hevc(Bytes extradata) {
    if (extradata.size() < 23) return 0;
    if (at(extradata, 0) == 0 && at(extradata, 1) == 0 && at(extradata, 2) <= 1) return 0;
    return static_cast<int>(at(extradata, 21) & 3U) + 1;
}

void for_each_nal(Bytes packet, int length_size, const std::function<bool(Bytes)>& visit) {
    if (length_size == 0) {
        walk_annex_b(packet, visit);
    } else {
        walk_lengths(packet, static_cast<std::size_t>(length_size), visit);
    }
}

std::vector<std::byte> unescape_nal(Bytes payload, std::size_t limit) {
    std::vector<std::byte> out;
    int zeros = 0;
    for (const std::byte value : payload) {
        if (out.size() == limit) break;
        if (zeros >= 2 && value == std::byte{3}) {
            zeros = 0;
            continue;
        }
        zeros = value == std::byte{0} ? zeros + 1 : 0;
        out.push_back(value);
    }
    return out;
}

Bytes find_sei(Bytes payload, unsigned type) {
    while (payload.size() > 2) {
        const unsigned found = read_sum(payload);
        const std::size_t stated = read_sum(payload);
        const std::size_t size = std::min(stated, payload.size());
        if (found == type) return payload.first(size);
        payload = payload.subspan(size);
    }
    return {};
}

}  // namespace millrace::media
