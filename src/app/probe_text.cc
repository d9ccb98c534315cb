#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "app/answers.h"
#include "app/summary.h"
#include "app/table.h"

namespace millrace::app {

namespace {

using nlohmann::ordered_json;

std::string text_at(const ordered_json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || !found->is_string() ? std::string() : found->get<std::string>();
}

/// "24000/1001" as 23.976; 0 where it says nothing.
double quotient(const std::string& rational) {
    double parts[2] = {0, 0};
    const std::size_t slash = rational.find('/');
    if (slash == std::string::npos) return 0;
    std::from_chars(rational.data(), rational.data() + slash, parts[0]);
    std::from_chars(rational.data() + slash + 1, rational.data() + rational.size(), parts[1]);
    return parts[1] > 0 ? parts[0] / parts[1] : 0;
}

void append(std::string& facts, const std::string& fact) {
    if (fact.empty()) return;
    if (!facts.empty()) facts += ", ";
    facts += fact;
}

void append_video_facts(std::string& facts, const ordered_json& stream) {
    append(facts, fmt::format("{}x{}", stream.at("width").get<int>(), stream.at("height").get<int>()));
    append(facts, text_at(stream, "pixel_format"));
    if (const double fps = quotient(text_at(stream, "average_frame_rate")); fps > 0) {
        append(facts, fmt::format("{:.5g} fps", fps));
    }
    if (const double aspect = quotient(text_at(stream, "sample_aspect_ratio")); aspect > 0 && aspect != 1) {
        append(facts, "pixels " + text_at(stream, "sample_aspect_ratio"));
    }
    if (const double rotation = stream.value("rotation", 0.0); rotation != 0) {
        append(facts, fmt::format("rotated {:g} degrees", rotation));
    }
    if (stream.value("interlaced", false)) append(facts, "interlaced (--deinterlace)");
    if (stream.value("attached_picture", false)) append(facts, "attached picture");
    if (stream.value("mastering_display", false)) append(facts, "HDR mastering display");
    if (stream.contains("content_light")) {
        append(facts, fmt::format("content light {}/{}", stream.at("content_light").at("max_content").dump(),
                                  stream.at("content_light").at("max_frame_average").dump()));
    }
    append(facts, text_at(stream, "repack_note"));
}

std::string stream_facts(const ordered_json& stream) {
    std::string facts = text_at(stream, "codec");
    if (const std::string profile = text_at(stream, "profile"); !profile.empty()) facts += " " + profile;
    if (stream.contains("width")) append_video_facts(facts, stream);
    if (stream.contains("sample_rate")) {
        append(facts, fmt::format("{} Hz", stream.at("sample_rate").get<int>()));
        const int channels = stream.at("channels").get<int>();
        append(facts, channels == 1 ? "mono" : channels == 2 ? "stereo" : fmt::format("{} channels", channels));
    }
    if (stream.contains("metadata")) append(facts, text_at(stream.at("metadata"), "language"));
    return facts;
}

std::string streams_text(const ordered_json& body) {
    Table table({Align::right, Align::left, Align::left});
    const int worked_on = body.value("video", -1);
    for (const auto& stream : body.at("streams")) {
        const int index = stream.at("index").get<int>();
        table.add({fmt::format("{}", index), text_at(stream, "kind"),
                   stream_facts(stream) + (index == worked_on ? " <- worked on" : "")});
    }
    return "streams\n" + table.render(2);
}

std::string origin_words(const std::string& origin) {
    if (origin == "stream") return "the stream says so";
    if (origin == "rule") return "not said: by the rule of docs/colour.md";
    if (origin == "user") return "you said so";
    return origin;
}

std::string color_text(const ordered_json& body) {
    const int worked_on = body.value("video", -1);
    if (worked_on < 0) return {};
    const auto& stream = body.at("streams").at(static_cast<std::size_t>(worked_on));
    if (!stream.contains("color")) return {};
    Table table({Align::left, Align::left, Align::left});
    for (const auto& [name, entry] : stream.at("color").items()) {
        table.add({name == "chroma_location" ? "chroma location" : name, text_at(entry, "value"),
                   origin_words(text_at(entry, "origin"))});
    }
    return "colour\n" + table.render(2);
}

std::string segments_text(const ordered_json& body) {
    const auto& segments = body.at("segments");
    const auto& index = body.at("index");
    std::string text =
        fmt::format("segments ({} frames, {} points to start at)\n", index.value("frames", std::int64_t{0}),
                    index.value("access_points", std::int64_t{0}));
    const std::string reason = text_at(index, "one_segment_reason");
    if (!reason.empty()) return text + fmt::format("  one: {}\n", reason);
    constexpr std::size_t most_rows = 12;
    constexpr std::size_t shown_of_many = 10;
    const std::size_t shown = segments.size() > most_rows ? shown_of_many : segments.size();
    Table table({Align::right, Align::right, Align::right});
    for (std::size_t i = 0; i < shown; ++i) {
        table.add({fmt::format("{}", segments[i].at("number").get<int>()),
                   fmt::format("from {:.3f} s", segments[i].at("start_seconds").get<double>()),
                   fmt::format("{} frames", segments[i].at("frames").get<std::int64_t>())});
    }
    text += table.render(2);
    if (shown < segments.size()) text += fmt::format("  and {} more (--json has all)\n", segments.size() - shown);
    return text;
}

std::string would_run_text(const ordered_json& body) {
    const ordered_json& plan = body.at("would_run");
    if (const std::string problem = text_at(plan, "problem"); !problem.empty()) {
        return fmt::format("a run would be refused\n  {}\n", problem);
    }
    Table table({Align::left, Align::left});
    for (const char* stage : {"decode", "model", "encode"}) {
        if (const std::string how = text_at(plan, stage); !how.empty()) table.add({stage, how});
    }
    if (plan.contains("lanes")) {
        table.add({"lanes", fmt::format("at most {}, with {} in flight", plan.at("lanes").get<int>(),
                                        render_bytes(plan.value("memory_bytes", 0.0)))});
    }
    for (const char* kind : {"fallback", "note"}) {
        const std::string list = std::string(kind) + "s";
        if (!plan.contains(list)) continue;
        for (const auto& line : plan.at(list)) table.add({kind, line.get<std::string>()});
    }
    return "a run would\n" + table.render(2);
}

}  // namespace

std::string render_probe(const std::string& json) {
    const ordered_json body = ordered_json::parse(json);
    std::string text = fmt::format("{}: {}", text_at(body, "path"), text_at(body, "format"));
    if (const double seconds = body.value("duration_seconds", 0.0); seconds > 0) {
        text += fmt::format(", {:.3f} s", seconds);
    }
    if (const auto bytes = body.value("size_bytes", std::int64_t{-1}); bytes >= 0) {
        text += ", " + render_bytes(static_cast<double>(bytes));
    }
    if (const int chapters = body.value("chapters", 0); chapters > 0) {
        text += fmt::format(", {} chapter{}", chapters, chapters == 1 ? "" : "s");
    }
    return text + "\n" + streams_text(body) + color_text(body) + segments_text(body) + would_run_text(body);
}

}  // namespace millrace::app
