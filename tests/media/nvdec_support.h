#pragma once
// A decoder on the fake of the driver, fed as a reader feeds it.

#include <gtest/gtest.h>

#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "media/fake_nvdec.h"
#include "media/nvidia/decoder.h"
#include "media/nvidia/session.h"

namespace millrace::media::test {

/// Packets as they are.
class PlainFilter final : public PacketFilter {
  public:
    [[nodiscard]] std::vector<std::byte> headers() const override {
        const std::string text = "hdr;";
        const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
        return {bytes, bytes + text.size()};
    }
    void send(const Packet& packet) override { held_ = packet.share(); }
    bool receive(Packet& packet) override {
        if (!held_.owner) return false;
        packet = std::exchange(held_, {});
        return true;
    }
    void reset() override { held_ = {}; }
    [[nodiscard]] std::int64_t errors() const override { return 0; }

  private:
    Packet held_;
};

inline Packet packet_of(const std::string& commands, std::int64_t pts) {
    const auto text = std::make_shared<std::string>(commands);
    Packet packet;
    packet.pts = pts;
    packet.duration = 10;
    packet.key = commands.starts_with("seq");
    packet.data = {reinterpret_cast<const std::byte*>(text->data()), text->size()};
    packet.owner = text;
    return packet;
}

inline StreamInfo stream_of(const std::string& codec) {
    StreamInfo stream;
    stream.codec = codec;
    stream.picture = {.width = 64, .height = 48, .format = {}, .color = {}};
    return stream;
}

class Nvdec : public testing::Test {
  protected:
    std::unique_ptr<Decoder> open(const std::string& codec = "h264") { return open(stream_of(codec)); }

    std::unique_ptr<Decoder> open(StreamInfo stream) {
        DecoderOptions options;
        options.pictures = &pool_;
        options.stop = stop_.get_token();
        options.surfaces = budget_;
        return nvidia::make_decoder({.library = fake_.library,
                                     .sessions = sessions_,
                                     .filter = std::make_unique<PlainFilter>(),
                                     .stream = std::move(stream),
                                     .path = "clip.mp4"},
                                    options);
    }

    /// As the reader does it: asks first, feeds on demand.
    static std::vector<device::Picture> decode(Decoder& decoder, const std::vector<std::string>& packets,
                                               std::int64_t first_pts = 0) {
        std::vector<device::Picture> out;
        std::size_t next = 0;
        for (device::Picture picture;;) {
            const core::Receive got = decoder.receive(picture);
            if (got == core::Receive::end) return out;
            if (got == core::Receive::ready) out.push_back(std::move(picture));
            if (got != core::Receive::needs_input) continue;
            if (next == packets.size()) {
                decoder.finish();
                continue;
            }
            const std::int64_t pts = first_pts + 10 * static_cast<std::int64_t>(next);
            if (decoder.send(packet_of(packets[next], pts)) == core::Feed::accepted) ++next;
        }
    }

    static std::vector<std::int64_t> times(const std::vector<device::Picture>& pictures) {
        std::vector<std::int64_t> out;
        for (const device::Picture& picture : pictures) out.push_back(picture.pts);
        return out;
    }

    FakeNvdec fake_;
    nvidia::SessionPool sessions_{4};
    device::BufferPool pool_{{}, "test", std::size_t{64} << 20U};
    std::stop_source stop_;
    std::shared_ptr<SurfaceBudget> budget_;  ///< null: no bound
};

}  // namespace millrace::media::test
