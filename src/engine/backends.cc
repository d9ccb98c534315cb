#include "engine/backends.h"

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/output_checks.h"

namespace millrace::engine {

namespace {

// A pipe is read once, so what is to be copied from it is kept in memory until the join.
void keep_other_streams(PreparedJob& prepared, pipeline::Backends& backends) {
    auto kept = std::make_shared<std::deque<media::Packet>>();
    auto source = prepared.input.source;
    source->divert([kept](media::Packet packet) { kept->push_back(std::move(packet)); });
    backends.open_copy_source = [source] { return source; };
    if (!prepared.job.video) return;
    prepared.job.video->copy.next_packet = [kept](media::Packet& packet) {
        if (kept->empty()) return false;
        packet = std::move(kept->front());
        kept->pop_front();
        return true;
    };
}

}  // namespace

pipeline::Backends make_backends(const Job& job, PreparedJob& prepared, const std::stop_token& stop) {
    pipeline::Backends backends;
    media::DecoderOptions decoder = decoder_options(job, prepared.input);
    decoder.stop = stop;
    OpenedInput& input = prepared.input;
    // The source that planning opened serves the first lane; a pipe has no other.
    if (!input.is_pipe()) input.source->video_only();
    backends.open_reader = [&prepared, &input, decoder, mutex = std::make_shared<std::mutex>()](std::size_t station) {
        media::DecoderOptions options = decoder;
        if (!prepared.decoded.empty()) {
            options.device = prepared.devices.at(station);
            options.pictures = prepared.decoded.at(station).get();
            options.surfaces = prepared.surfaces.at(station);
        }
        std::shared_ptr<media::Source> opened;
        {
            const std::lock_guard lock(*mutex);
            opened = std::move(input.source);
        }
        return media::open_frame_reader(input.options, options, *input.index, std::move(opened));
    };
    if (prepared.job.video) {
        const media::EncoderSettings& encoder = prepared.job.video->encoder;
        backends.make_encoder = [&prepared, &encoder](std::size_t station) {
            media::EncoderSettings settings = encoder;
            if (encoder.device.kind == device::DeviceKind::cuda) settings.device = prepared.devices.at(station);
            return media::make_encoder(settings);
        };
    }
    backends.open_copy_source = [&input]() -> std::shared_ptr<media::Source> {
        return media::open_source(input.options);
    };
    if (input.is_pipe()) keep_other_streams(prepared, backends);
    if (prepared.model) {
        for (const auto& session : prepared.model->sessions) backends.sessions.push_back(session.get());
    }
    return backends;
}

}  // namespace millrace::engine
