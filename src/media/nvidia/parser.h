#pragma once
// NVDEC's bitstream parser, as an owner. Private to src/media/nvidia.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "media/nvidia/library.h"

namespace millrace::media::nvidia {

/// What the parser finds, in the middle of Parser::parse(), on the same thread. May throw: parse() then does.
class ParserEvents {
  public:
    virtual ~ParserEvents() = default;

    /// A sequence begins or changes. Returns how many surfaces the parser may use, more than one.
    virtual int on_sequence(const CUVIDEOFORMAT& format) = 0;
    /// A picture is complete; decode order.
    virtual void on_decode(CUVIDPICPARAMS& picture) = 0;
    /// A surface is to be shown; presentation order. The parser may use the surface again from here on.
    virtual void on_display(const CUVIDPARSERDISPINFO& info) = 0;
};

/// One pass over a stream from an access point on. Not thread-safe.
class Parser {
  public:
    /// `headers` is what a container keeps apart; the first packet must begin with them all the same. Throws
    /// Error(failed).
    Parser(const Library& library, cudaVideoCodec codec, ParserEvents& events, std::span<const std::byte> headers);
    ~Parser();
    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;
    Parser(Parser&&) = delete;
    Parser& operator=(Parser&&) = delete;

    /// Events of this packet, and of the one before: the parser needs its successor's beginning. no_pts: no time. False
    /// where the parser found damage. Throws what an event threw, and Error(failed) for errors of the device.
    bool parse(std::span<const std::byte> packet, std::int64_t pts);
    /// Events of everything that is left. Then nothing more may be parsed.
    bool finish();

  private:
    bool hand_over(CUVIDSOURCEDATAPACKET& packet);
    template <class Event>
    int guarded(Event event) noexcept;
    static int CUDAAPI sequence(void* self, CUVIDEOFORMAT* format);
    static int CUDAAPI decode(void* self, CUVIDPICPARAMS* picture);
    static int CUDAAPI display(void* self, CUVIDPARSERDISPINFO* info);

    const Library& library_;
    ParserEvents& events_;
    CUvideoparser handle_ = nullptr;
    CUVIDEOFORMATEX headers_{};
    std::exception_ptr thrown_;
};

}  // namespace millrace::media::nvidia
