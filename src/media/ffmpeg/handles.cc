#include "media/ffmpeg/handles.h"

#include <new>

namespace millrace::media::ffmpeg {

PacketHandle allocate_packet() {
    PacketHandle packet(av_packet_alloc());
    if (!packet) throw std::bad_alloc();
    return packet;
}

FrameHandle allocate_frame() {
    FrameHandle frame(av_frame_alloc());
    if (!frame) throw std::bad_alloc();
    return frame;
}

}  // namespace millrace::media::ffmpeg
