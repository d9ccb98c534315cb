#include "infer/fused/cuda/parts_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "device/graph.h"
#include "infer/graph/half.h"
#include "infer/timed_runs.h"

namespace millrace::infer::fused::cuda {
namespace {

using core::DType;
using core::Error;
using core::TensorDesc;

constexpr int timed_runs = 5;

/// Of the types that pass between parts (partition.h).
DType dtype_of(graph::ElementType element) {
    static const std::map<graph::ElementType, DType> known{
        {1, DType::float32}, {2, DType::uint8}, {6, DType::int32}, {7, DType::int64}, {10, DType::float16}};
    assert(known.contains(element));
    return known.at(element);
}

std::size_t index_of(const std::vector<Port>& ports, const std::string& name) {
    return static_cast<std::size_t>(std::ranges::find(ports, name, &Port::name) - ports.begin());
}

/// With float16 where that is worth it, as fused layers compute; as it is where that cannot be.
std::string in_half(std::string part, const std::string& path) {
    try {
        graph::HalfModel half = graph::to_half(std::as_bytes(std::span(part)), path);
        if (half.half_nodes > 0) return std::move(half.bytes);
    } catch (const Error& error) {
        if (error.code() != core::ErrorCode::bad_input) throw;
        core::log::debug("a part stays as it is: {}", error.what());
    }
    return part;
}

}  // namespace

PartsRunner::PartsRunner(const PartsSource& source, std::vector<Part>& parts, device::StreamRef stream,
                         PlanStore& plans)
    : model_(source.model), stream_(stream), memory_(stream, source.request.gpu_memory) {
    std::size_t most = 0;
    for (const Part& part : parts) {
        if (const auto* net = std::get_if<Net>(&part.body)) most = std::max(most, plan_arena(*net).bytes);
    }
    values_ = memory_.lease(most);
    for (std::size_t i = 0; i < source.inputs.size(); ++i) {
        names_.emplace(model_.inputs[i].name, places_.size());
        places_.push_back({Place::Kind::input, i, source.inputs[i], {}});
    }
    PlanProgress progress(parts, source.progress);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        load(source, parts[i], {plans, progress});
        free_what_is_read(parts, i);
    }
    free_.clear();
}

/// What parts up to `done` alone read may be written by the next ones: the stream keeps them apart.
void PartsRunner::free_what_is_read(const std::vector<Part>& parts, std::size_t done) {
    std::set<std::string> read;
    for (std::size_t i = done + 1; i < parts.size(); ++i) {
        for (const PartPort& port : parts[i].inputs) read.insert(port.name);
    }
    for (const PartPort& port : parts[done].inputs) {
        const Place& place = places_[names_.at(port.name)];
        if (place.kind == Place::Kind::between && !read.contains(port.name)) free_.push_back(place.tensor.share());
    }
}

/// The smallest piece of free memory that is large enough, else new memory.
device::Tensor PartsRunner::lease(const TensorDesc& desc) {
    const auto bytes = [](const device::Tensor& tensor) { return tensor.desc.byte_count(); };
    std::ranges::sort(free_, {}, bytes);
    const auto found = std::ranges::lower_bound(free_, desc.byte_count(), {}, bytes);
    if (found == free_.end()) return memory_.lease(desc);
    device::Tensor tensor = std::move(*found);
    free_.erase(found);
    return tensor;
}

TensorDesc PartsRunner::desc_of(const PartPort& port) const {
    const std::size_t output = index_of(model_.outputs, port.name);
    const bool is_output = output < model_.outputs.size();
    return {is_output ? model_.outputs[output].desc.dtype : dtype_of(port.type.element), port.type.shape.value()};
}

void PartsRunner::place(const std::string& name, TensorDesc desc) {
    names_.emplace(name, places_.size());
    const std::size_t output = index_of(model_.outputs, name);
    if (output < model_.outputs.size()) {
        places_.push_back({Place::Kind::output, output, std::move(desc), {}});
        return;
    }
    device::Tensor tensor = lease(desc);
    places_.push_back({Place::Kind::between, 0, std::move(desc), std::move(tensor)});
}

void PartsRunner::load(const PartsSource& source, Part& part, const Planning& planning) {
    Loaded& loaded = parts_.emplace_back(Loaded{{}, {}, nullptr, nullptr, Replays(stream_)});
    for (const PartPort& port : part.inputs) loaded.inputs.push_back(names_.at(port.name));
    if (auto* net = std::get_if<Net>(&part.body)) {
        for (const PartPort& port : part.outputs) place(port.name, desc_of(port));
        loaded.net = std::make_unique<NetRunner>(std::move(*net), stream_, planning, memory_, values_);
    } else {
        const std::string bytes = in_half(std::get<std::string>(std::move(part.body)), model_.path);
        ModelRequest request = source.request;
        request.gpu_memory = memory_.left();
        ort::PartSource piece{request, model_.path, bytes, {}, {}};
        for (const std::size_t place : loaded.inputs) {
            piece.inputs.push_back({part.inputs[piece.inputs.size()].name, places_[place].desc});
        }
        for (const PartPort& port : part.outputs) piece.outputs.push_back({port.name, {}});
        loaded.left = ort::make_cuda_part(piece, stream_);
        const std::vector<TensorDesc>& descs = loaded.left->output_descs();
        for (std::size_t i = 0; i < descs.size(); ++i) place(part.outputs[i].name, descs[i]);
    }
    for (const PartPort& port : part.outputs) loaded.outputs.push_back(names_.at(port.name));
}

std::vector<TensorDesc> PartsRunner::output_descs() const {
    std::vector<TensorDesc> descs;
    for (const Port& port : model_.outputs) descs.push_back(places_[names_.at(port.name)].desc);
    return descs;
}

Borders PartsRunner::borders() const {
    const bool whole = parts_.size() == 1 && parts_.front().net != nullptr;
    return whole ? parts_.front().net->borders() : Borders();
}

std::vector<std::string> PartsRunner::fallbacks() const {
    std::vector<std::string> all;
    for (const Loaded& part : parts_) {
        if (part.left != nullptr && !part.left->fallback().empty()) all.push_back(part.left->fallback());
    }
    return all;
}

PartsRunner::Bound PartsRunner::bound(const std::vector<std::size_t>& places, Tensors inputs, Tensors outputs) const {
    Bound tensors;
    for (const std::size_t index : places) {
        const Place& place = places_[index];
        const device::Tensor& tensor = place.kind == Place::Kind::input    ? inputs[place.index]
                                       : place.kind == Place::Kind::output ? outputs[place.index]
                                                                           : place.tensor;
        tensors.push_back(tensor.share());
        if (place.kind == Place::Kind::between) tensors.back().desc = place.desc;
    }
    return tensors;
}

void PartsRunner::run(Loaded& part, Tensors inputs, Tensors outputs) {
    const Bound in = bound(part.inputs, inputs, outputs);
    const Bound out = bound(part.outputs, inputs, outputs);
    if (part.left != nullptr) return part.left->enqueue(in, out);
    const auto capture = [&] {
        std::string reason;
        device::Graph graph;
        try {
            graph = device::Graph::capture(stream_, [&] { part.net->enqueue(in, out); }, reason);
        } catch (const Error& error) {
            reason = error.what();
        }
        if (!graph) core::log::debug("model {} makes no graph of its fused layers: {}", model_.path, reason);
        return graph;
    };
    if (part.replays.launch(in, out, capture)) return;
    part.net->enqueue(in, out);
    part.replays.ran();
}

void PartsRunner::enqueue(Tensors inputs, Tensors outputs) {
    for (Loaded& part : parts_) run(part, inputs, outputs);
}

std::vector<double> PartsRunner::measure(Tensors inputs, Tensors outputs) {
    std::vector<double> seconds;
    for (Loaded& part : parts_) {
        run(part, inputs, outputs);
        run(part, inputs, outputs);
        seconds.push_back(seconds_a_run(stream_, [&] { run(part, inputs, outputs); }, {0, timed_runs, timed_runs}));
    }
    return seconds;
}

}  // namespace millrace::infer::fused::cuda
