#include "infer/onnxruntime/placement.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>

namespace millrace::infer::ort {
namespace {

constexpr std::string_view all = "All nodes placed on [";  // "All nodes placed on [X]. Number of nodes: 3"
constexpr std::string_view number = "Number of nodes: ";
constexpr std::string_view heading = "Node(s) placed on [";  // " Node(s) placed on [X]. Number of nodes: 3"
constexpr std::string_view entry = "  ";                     // "  Conv (conv0)"

void ORT_API_CALL write_log(void* placement, OrtLoggingLevel /*severity*/, const char* /*category*/, const char* /*id*/,
                            const char* /*location*/, const char* message) {
    static_cast<Placement*>(placement)->read(message);
}

/// What follows `mark`; "" where there is no such mark.
std::string_view after(std::string_view line, std::string_view mark) {
    const std::size_t at = line.find(mark);
    return at == std::string_view::npos ? "" : line.substr(at + mark.size());
}

}  // namespace

void Placement::listen(Ort::SessionOptions& options) {
    options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_VERBOSE);
    Ort::ThrowOnError(Ort::GetApi().SetUserLoggingFunction(options, write_log, this));
}

void Placement::forget() {
    const std::scoped_lock lock(mutex_);
    listing_ = nullptr;
    providers_.clear();
}

void Placement::read(std::string_view line) {
    const std::scoped_lock lock(mutex_);
    if (listing_ != nullptr && line.starts_with(entry)) {
        const std::string_view node = line.substr(entry.size());
        ++(*listing_)[std::string(node.substr(0, node.find(' ')))];
        return;
    }
    listing_ = nullptr;
    if (const std::string_view name = after(line, heading); !name.empty()) {
        listing_ = &providers_[std::string(name.substr(0, name.find(']')))];
    } else if (const std::string_view only = after(line, all); !only.empty()) {
        const std::string_view digits = after(only, number);
        int count = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), count);
        providers_[std::string(only.substr(0, only.find(']')))]["all of them"] = count;
    }
}

std::string Placement::on(const std::string& provider) const {
    const std::scoped_lock lock(mutex_);
    const auto found = providers_.find(provider);
    if (found == providers_.end()) return "";
    int total = 0;
    std::string kinds;
    for (const auto& [kind, count] : found->second) {
        total += count;
        kinds += kinds.empty() ? "" : ", ";
        kinds += count == 1 ? kind : fmt::format("{} x {}", kind, count);
    }
    return total == 0 ? "" : fmt::format("{} node{} ({})", total, total == 1 ? "" : "s", kinds);
}

}  // namespace millrace::infer::ort
