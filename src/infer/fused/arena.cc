#include "infer/fused/arena.h"

#include <algorithm>
#include <map>
#include <variant>

#include "infer/tiles.h"

namespace millrace::infer::fused {
namespace {

constexpr std::size_t alignment = 256;
constexpr std::size_t bytes_of_half = 2;

/// Indices of layers between which a value is there, both included.
struct Life {
    int first = 0;
    int last = 0;
};

std::vector<Life> lives_of(const Net& net) {
    std::vector<Life> lives(net.values.size());
    const auto read = [&](int value, int layer) {
        auto& last = lives[static_cast<std::size_t>(value)].last;
        last = std::max(last, layer);
    };
    const int layers = static_cast<int>(net.layers.size());
    for (int i = 0; i < layers; ++i) {
        const Layer& layer = net.layers[static_cast<std::size_t>(i)];
        lives[static_cast<std::size_t>(layer.output)] = {i, i};
        for (const int value : layer.inputs) read(value, i);
        for (const Pointwise& step : layer.pointwise) {
            if (step.value >= 0) read(step.value, i);
        }
    }
    for (const NetPort& output : net.outputs) read(output.value, layers);
    return lives;
}

/// The lowest place of `bytes` between blocks that lie at `taken` (offset to size).
std::size_t first_fit(const std::map<std::size_t, std::size_t>& taken, std::size_t bytes) {
    std::size_t offset = 0;
    for (const auto& [begin, size] : taken) {
        if (offset + bytes <= begin) break;
        offset = std::max(offset, begin + size);
    }
    return offset;
}

/// The larger padding for both values of each sum and product. False: nothing has changed.
bool widen_pairs(const Net& net, std::vector<int>& channels) {
    bool changed = false;
    for (const Layer& layer : net.layers) {
        int& made = channels[static_cast<std::size_t>(layer.output)];
        for (const Pointwise& step : layer.pointwise) {
            if (step.value < 0) continue;
            int& read = channels[static_cast<std::size_t>(step.value)];
            changed = changed || read != made;
            read = made = std::max(read, made);
        }
    }
    return changed;
}

}  // namespace

std::vector<int> padded_channels(const Net& net) {
    std::vector<int> channels;
    for (const Value& value : net.values) channels.push_back(round_up(value.channels, channel_group));
    for (const Layer& layer : net.layers) {
        if (!std::holds_alternative<Convolution>(layer.root)) continue;
        int& padded = channels[static_cast<std::size_t>(layer.inputs.front())];
        padded = std::max(padded, least_convolved);
    }
    while (widen_pairs(net, channels)) continue;
    return channels;
}

Arena plan_arena(const Net& net) {
    const std::vector<int> channels = padded_channels(net);
    const std::vector<Life> lives = lives_of(net);
    std::vector<std::size_t> order(net.values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return lives[i].first; });

    Arena arena{std::vector<std::size_t>(net.values.size()), 0};
    std::map<std::size_t, std::size_t> taken;
    std::vector<std::size_t> there;
    for (const std::size_t value : order) {
        std::erase_if(there, [&](std::size_t other) {
            const bool gone = lives[other].last < lives[value].first;
            if (gone) taken.erase(arena.offsets[other]);
            return gone;
        });
        const Value& shape = net.values[value];
        const std::size_t bytes = static_cast<std::size_t>(net.batch) * static_cast<std::size_t>(shape.height) *
                                  static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(channels[value]) *
                                  bytes_of_half;
        const std::size_t size = std::max(alignment, (bytes + alignment - 1) / alignment * alignment);
        arena.offsets[value] = first_fit(taken, size);
        taken[arena.offsets[value]] = size;
        there.push_back(value);
        arena.bytes = std::max(arena.bytes, arena.offsets[value] + size);
    }
    return arena;
}

}  // namespace millrace::infer::fused
