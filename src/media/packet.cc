#include "media/packet.h"

namespace millrace::media {

Packet Packet::share() const {
    Packet other;
    other.stream = stream;
    other.pts = pts;
    other.dts = dts;
    other.duration = duration;
    other.position = position;
    other.key = key;
    other.discard = discard;
    other.data = data;
    other.owner = owner;
    return other;
}

}  // namespace millrace::media
