#include "media/ffmpeg/deinterlacer.h"

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/pixdesc.h>
}

#include <fmt/core.h>

#include <cassert>
#include <new>
#include <utility>

#include "core/error.h"
#include "media/ffmpeg/convert.h"

namespace millrace::media::ffmpeg {

namespace {

void check(int code, const char* what) {
    if (code >= 0) return;
    if (code == AVERROR(ENOMEM)) throw std::bad_alloc();
    throw core::Error(core::ErrorCode::failed, fmt::format("deinterlacing: {} failed: {}", what, error_text(code)));
}

AVFilterContext* add_filter(AVFilterGraph& graph, const char* filter, const std::string& arguments) {
    AVFilterContext* context = nullptr;
    check(avfilter_graph_create_filter(&context, avfilter_get_by_name(filter), filter, arguments.c_str(), nullptr,
                                       &graph),
          filter);
    return context;
}

}  // namespace

bool Deinterlacer::matches(const AVFrame& frame) const {
    return graph_ && frame.width == width_ && frame.height == height_ && frame.format == format_;
}

void Deinterlacer::build(const AVFrame& frame) {
    graph_.reset(avfilter_graph_alloc());
    if (!graph_) throw std::bad_alloc();
    graph_->nb_threads = threads_;
    // Times are counted: frames keep their own, whatever the filter makes of them.
    input_ = add_filter(*graph_, "buffer",
                        fmt::format("width={}:height={}:pix_fmt={}:time_base=1/1:pixel_aspect=1/1", frame.width,
                                    frame.height, frame.format));
    AVFilterContext* filter = add_filter(*graph_, "bwdif", "mode=send_frame:parity=auto:deint=interlaced");
    output_ = add_filter(*graph_, "buffersink", "");
    check(avfilter_link(input_, 0, filter, 0), "linking");
    check(avfilter_link(filter, 0, output_, 0), "linking");
    check(avfilter_graph_config(graph_.get(), nullptr), "setting up bwdif");
    if (av_buffersink_get_format(output_) != frame.format) {
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("bwdif does not take pixel format {}; run without --deinterlace",
                                      av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame.format))));
    }
    width_ = frame.width;
    height_ = frame.height;
    format_ = frame.format;
}

void Deinterlacer::send(FrameHandle frame) {
    if (!matches(*frame)) {
        drain();
        build(*frame);
    }
    originals_.push_back({frame->pts, frame->best_effort_timestamp, frame_duration(*frame)});
    frame->pts = static_cast<std::int64_t>(originals_.size());
    check(av_buffersrc_add_frame(input_, frame.get()), "bwdif");
}

// Everything that the graph still holds, into ready_.
void Deinterlacer::drain() {
    if (!graph_) return;
    check(av_buffersrc_add_frame(input_, nullptr), "ending bwdif");
    FrameHandle frame;
    while (pull(frame) == core::Receive::ready) ready_.push_back(std::move(frame));
    graph_.reset();
}

void Deinterlacer::finish() {
    drain();
    finished_ = true;
}

core::Receive Deinterlacer::receive(FrameHandle& frame) {
    if (!ready_.empty()) {
        frame = std::move(ready_.front());
        ready_.pop_front();
        return core::Receive::ready;
    }
    if (!graph_) return finished_ ? core::Receive::end : core::Receive::needs_input;
    return pull(frame);
}

core::Receive Deinterlacer::pull(FrameHandle& frame) {
    FrameHandle out = allocate_frame();
    const int code = av_buffersink_get_frame(output_, out.get());
    if (code == AVERROR(EAGAIN)) return core::Receive::needs_input;
    if (code == AVERROR_EOF) return core::Receive::end;
    check(code, "bwdif");
    assert(!originals_.empty());
    out->pts = originals_.front().pts;
    out->best_effort_timestamp = originals_.front().best_effort;
    set_frame_duration(*out, originals_.front().duration);
    originals_.pop_front();
    frame = std::move(out);
    return core::Receive::ready;
}

void Deinterlacer::reset() {
    graph_.reset();
    originals_.clear();
    ready_.clear();
    finished_ = false;
}

}  // namespace millrace::media::ffmpeg
