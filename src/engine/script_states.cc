#include "engine/script_states.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "pipeline/durable_file.h"
#include "pipeline/journal.h"

namespace millrace::engine {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view extension = ".state";
constexpr std::string_view prefix = "segment-";
constexpr int kept_at_least = 2;  // the planning process may know of one finished segment less

// Of a file named as pipeline::segment_path() and the extension.
std::optional<int> segment_of(const fs::path& path) {
    const std::string name = path.stem().string();
    if (path.extension() != extension || !name.starts_with(prefix)) return std::nullopt;
    int segment = 0;
    const char* end = name.data() + name.size();
    const auto [stopped, error] = std::from_chars(name.data() + prefix.size(), end, segment);
    return error == std::errc{} && stopped == end ? std::optional(segment) : std::nullopt;
}

}  // namespace

ScriptStates::ScriptStates(std::string folder, std::set<int> unfinished)
    : folder_(std::move(folder)), unfinished_(std::move(unfinished)) {
    std::error_code none_kept;
    for (const auto& entry : fs::directory_iterator(folder_, none_kept)) {
        if (const auto segment = segment_of(entry.path())) kept_.insert(*segment);
    }
}

std::string ScriptStates::path(int segment) const {
    return pipeline::segment_path(folder_, segment) + std::string(extension);
}

void ScriptStates::keep(int segment, std::string_view state) {
    const std::lock_guard lock(mutex_);
    const std::string unfinished = path(segment) + ".part";
    {
        pipeline::DurableFile file(unfinished, pipeline::OpenMode::truncate);
        file.write(state);
        file.sync();
    }
    pipeline::durable_rename(unfinished, path(segment));
    kept_.insert(segment);
    drop_old();
}

void ScriptStates::finished(int segment) {
    const std::lock_guard lock(mutex_);
    unfinished_.erase(segment);
}

void ScriptStates::begun(int segment) {
    const std::lock_guard lock(mutex_);
    unfinished_.insert(segment);
}

void ScriptStates::drop_old() {
    if (unfinished_.empty()) return;
    auto needed = kept_.lower_bound(*unfinished_.begin());
    for (int left = kept_at_least; left > 0; --left) {
        if (needed == kept_.begin()) return;
        --needed;
    }
    for (auto old = kept_.begin(); old != needed; old = kept_.erase(old)) {
        std::error_code ignored;
        fs::remove(path(*old), ignored);
    }
}

std::optional<int> ScriptStates::last_before(int segment) const {
    const std::lock_guard lock(mutex_);
    const auto next = kept_.lower_bound(segment);
    return next == kept_.begin() ? std::nullopt : std::optional(*std::prev(next));
}

std::string ScriptStates::read(int segment) const {
    std::ifstream file(path(segment), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace millrace::engine
