#include "pipeline/journal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/json_integer.h"
#include "core/sha256.h"

namespace millrace::pipeline {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::size_t checksum_digits = 8;
constexpr const char* journal_name = "journal";

std::string seal(const json& body) {
    // Paths need not be UTF-8.
    const std::string text = body.dump(-1, ' ', false, json::error_handler_t::replace);
    return core::sha256_of(text).substr(0, checksum_digits) + " " + text;
}

std::string to_hex(const std::vector<std::byte>& bytes) {
    std::string text;
    for (const std::byte byte : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
    return text;
}

std::vector<std::byte> from_hex(const std::string& text) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

json stream_to_json(const media::EncodedStream& stream) {
    return {{"codec", stream.codec},
            {"profile", stream.profile},
            {"level", stream.level},
            {"bit_rate", stream.bit_rate},
            {"extradata", to_hex(stream.extradata)}};
}

struct NotAnInteger : std::exception {};

template <std::integral T>
void read(const json& value, T& number) {
    const std::optional<T> found = core::json_integer<T>(value);
    if (!found) throw NotAnInteger{};
    number = *found;
}

void read(const json& value, std::vector<std::int64_t>& numbers) {
    for (const json& one : value.get_ref<const json::array_t&>()) read(one, numbers.emplace_back());
}

media::EncodedStream stream_from_json(const json& body) {
    media::EncodedStream stream;
    stream.codec = body.at("codec").get<std::string>();
    read(body.at("profile"), stream.profile);
    read(body.at("level"), stream.level);
    read(body.at("bit_rate"), stream.bit_rate);
    stream.extradata = from_hex(body.at("extradata").get<std::string>());
    return stream;
}

SegmentRecord record_from_json(const json& body) {
    SegmentRecord record;
    read(body.at("segment"), record.segment);
    read(body.at("decoded"), record.frames_decoded);
    read(body.at("done"), record.frames_done);
    read(body.at("decode_errors"), record.decode_errors);
    read(body.at("nan"), record.nan_values);
    read(body.at("retimed"), record.retimed_frames);
    read(body.at("reshaped"), record.reshaped_frames);
    read(body.at("corrupt"), record.corrupt_pts);
    read(body.at("dropped"), record.dropped_pts);
    read(body.at("missing"), record.missing_pts);
    read(body.at("records"), record.digest.records);
    read(body.at("bytes"), record.digest.bytes);
    record.digest.sha256 = body.at("sha256").get<std::string>();
    if (body.contains("stream")) record.stream = stream_from_json(body.at("stream"));
    return record;
}

// The JSON of a sealed line; nullopt when the seal is broken.
std::optional<json> unseal(std::string_view line) {
    if (line.size() <= checksum_digits + 1 || line[checksum_digits] != ' ') return std::nullopt;
    const std::string_view text = line.substr(checksum_digits + 1);
    if (core::sha256_of(text).substr(0, checksum_digits) != line.substr(0, checksum_digits)) return std::nullopt;
    json body = json::parse(text, nullptr, false);
    if (body.is_discarded() || !body.is_object()) return std::nullopt;
    return body;
}

bool believe(const json& body, JournalContents& contents) {
    try {
        if (body.contains("identity")) {
            contents.identity = body.at("identity").get<Identity>();
            return true;
        }
        SegmentRecord record = record_from_json(body);
        contents.finished.insert_or_assign(record.segment, std::move(record));
        return true;
    } catch (const std::exception&) {  // a sealed line of another program: json, stoi and read() throw their own types
        return false;
    }
}

std::string read_all(const std::string& path) {
    const std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// Segment files and unfinished outputs; nothing else that may lie in the folder.
void remove_leftovers(const std::string& folder) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("segment-") || name.starts_with("output.")) fs::remove(entry.path(), ignored);
    }
}

}  // namespace

bool operator==(const SegmentRecord& a, const SegmentRecord& b) { return format_record(a) == format_record(b); }

std::string format_record(const SegmentRecord& record) {
    json body{{"segment", record.segment},          {"decoded", record.frames_decoded},
              {"done", record.frames_done},         {"decode_errors", record.decode_errors},
              {"nan", record.nan_values},           {"retimed", record.retimed_frames},
              {"reshaped", record.reshaped_frames}, {"corrupt", record.corrupt_pts},
              {"dropped", record.dropped_pts},      {"missing", record.missing_pts},
              {"records", record.digest.records},   {"bytes", record.digest.bytes},
              {"sha256", record.digest.sha256}};
    if (record.stream) body["stream"] = stream_to_json(*record.stream);
    return seal(body);
}

std::string format_identity(const Identity& identity) { return seal({{"identity", identity}}); }

std::string describe_difference(const Identity& before, const Identity& now) {
    std::vector<std::string> differences;
    Identity all = before;
    all.insert(now.begin(), now.end());
    for (const auto& entry : all) {
        const auto old_value = before.find(entry.first);
        const auto new_value = now.find(entry.first);
        const std::string was = old_value == before.end() ? "nothing" : old_value->second;
        const std::string is = new_value == now.end() ? "nothing" : new_value->second;
        if (was == is) continue;
        const bool script = entry.first == script_key && old_value != before.end() && new_value != now.end();
        differences.push_back(script ? "the script changed" : fmt::format("{} was {}, now {}", entry.first, was, is));
    }
    return fmt::format("{}", fmt::join(differences, "; "));
}

JournalContents parse_journal(std::string_view text) {
    JournalContents contents;
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', begin)) {
        const auto body = unseal(text.substr(begin, end - begin));
        if (!body || !believe(*body, contents)) break;
        begin = end + 1;
        contents.believed_bytes = begin;
    }
    return contents;
}

std::optional<Identity> read_identity(const std::string& folder) {
    const JournalContents contents = parse_journal(read_all(folder + "/" + journal_name));
    return contents.finished.empty() ? std::nullopt : contents.identity;
}

std::size_t count_finished(const std::string& folder) {
    return parse_journal(read_all(folder + "/" + journal_name)).finished.size();
}

Journal::Journal(std::string folder, const Identity& identity, OldJournal old) : folder_(std::move(folder)) {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) throw_file_error(folder_, "make the folder for work in progress", error.value());
    const std::string path = folder_ + "/" + journal_name;
    file_.emplace(path, OpenMode::append);
    if (!file_->try_lock()) {
        throw core::Error(
            core::ErrorCode::usage,
            fmt::format("{}: another process works on this output; wait for it, or choose another output", folder_));
    }
    JournalContents contents;
    if (old == OldJournal::resume) contents = parse_journal(read_all(path));
    // As a journal keeps it: JSON is UTF-8, option values need not be.
    const Identity written = parse_journal(format_identity(identity) + "\n").identity.value();
    if (contents.finished.empty()) contents = {};  // nothing that another command could lose
    if (contents.identity && *contents.identity != written) {
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("{}: holds the unfinished work of another command ({}); give the same command to "
                                      "continue it, or --restart to throw it away",
                                      folder_, describe_difference(*contents.identity, written)));
    }
    if (contents.identity) {
        fs::resize_file(path, contents.believed_bytes);
    } else {
        remove_leftovers(folder_);
        fs::resize_file(path, 0);
        contents = {};
        file_->write(format_identity(identity) + "\n");
        file_->sync();
    }
    for (auto& [segment, record] : contents.finished) {
        if (is_intact(segment_path(segment), record.digest)) finished_.emplace(segment, std::move(record));
    }
}

std::string segment_path(const std::string& folder, int segment) {
    return fmt::format("{}/segment-{:06}", folder, segment);
}

std::string Journal::segment_path(int segment) const { return pipeline::segment_path(folder_, segment); }

std::string Journal::output_path(const std::string& name) const {
    return folder_ + "/output." + fs::path(name).filename().string();
}

void Journal::add(const SegmentRecord& record) {
    const std::lock_guard lock(mutex_);
    file_->write(format_record(record) + "\n");
    file_->sync();
}

void Journal::remove() {
    remove_leftovers(folder_);
    std::error_code ignored;
    fs::remove(folder_ + "/" + journal_name, ignored);
    fs::remove(folder_, ignored);  // only when nothing of the user's is in it
}

}  // namespace millrace::pipeline
