// What may lie in a journal: any bytes, and lines with a right checksum around any JSON.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/sha256.h"
#include "pipeline/journal.h"

namespace {

using namespace millrace;  // NOLINT(google-build-using-namespace): a program of one file

void require(bool holds) {
    if (!holds) __builtin_trap();
}

/// What is believed can be written, and is believed again, unchanged.
void check(std::string_view text) {
    const pipeline::JournalContents contents = pipeline::parse_journal(text);
    require(contents.believed_bytes <= text.size());
    require(contents.believed_bytes == 0 || text[contents.believed_bytes - 1] == '\n');
    require(pipeline::parse_journal(text.substr(0, contents.believed_bytes)).believed_bytes == contents.believed_bytes);
    for (const auto& [segment, record] : contents.finished) {
        require(record.segment == segment);
        const std::string line = pipeline::format_record(record);
        const auto again = pipeline::parse_journal(line + "\n");
        require(again.finished.size() == 1);
        require(pipeline::format_record(again.finished.at(segment)) == line);
    }
    if (!contents.identity) return;
    const std::string line = pipeline::format_identity(*contents.identity);
    require(pipeline::parse_journal(line + "\n").identity == contents.identity);
}

/// Every line behind the checksum that makes it believable.
std::string sealed(std::string_view text) {
    std::string lines;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        lines += core::sha256_of(line).substr(0, 8) + " " + std::string(line) + "\n";
    }
    return lines;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT: bytes as text
    check(text);
    check(sealed(text));
    return 0;
}
