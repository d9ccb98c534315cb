#include "infer/onnxruntime/placement.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>

namespace millrace::infer::ort {
namespace {

constexpr std::string_view all = "All nodes placed on [CPUExecutionProvider]. Number of nodes: ";
constexpr std::string_view heading = "Node(s) placed on [";  // " Node(s) placed on [X]. Number of nodes: 3"
constexpr std::string_view entry = "  ";                     // "  Conv (conv0)"
constexpr std::string_view cpu = "CPUExecutionProvider]";

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

void Placement::read(std::string_view line) {
    const std::scoped_lock lock(mutex_);
    if (listing_ && line.starts_with(entry)) {
        const std::string_view node = line.substr(entry.size());
        ++on_cpu_[std::string(node.substr(0, node.find(' ')))];
        return;
    }
    listing_ = after(line, heading).starts_with(cpu);
    if (const std::string_view number = after(line, all); !number.empty()) {
        int count = 0;
        std::from_chars(number.data(), number.data() + number.size(), count);
        on_cpu_["all of them"] = count;
    }
}

std::string Placement::on_cpu() const {
    const std::scoped_lock lock(mutex_);
    int total = 0;
    std::string kinds;
    for (const auto& [kind, count] : on_cpu_) {
        total += count;
        kinds += kinds.empty() ? "" : ", ";
        kinds += count == 1 ? kind : fmt::format("{} x {}", kind, count);
    }
    return total == 0 ? "" : fmt::format("{} node{} ({})", total, total == 1 ? "" : "s", kinds);
}

}  // namespace millrace::infer::ort
