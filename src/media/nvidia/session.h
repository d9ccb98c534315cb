#pragma once
// Decoders of the chip, and the pool that keeps them. Private to src/media/nvidia.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "media/nvidia/coded_format.h"
#include "media/nvidia/library.h"
#include "media/surface_budget.h"

namespace millrace::media::nvidia {

/// Surfaces that may be mapped at once.
inline constexpr int mapped_at_most = 3;

/// A surface in device memory, rows of samples from `address` on.
struct Mapped {
    unsigned long long address = 0;  ///< 0: none
    unsigned pitch = 0;              ///< bytes
};

/// Bytes of device memory of a decoder's surfaces, those that are mapped included, by the layout the driver documents.
[[nodiscard]] std::size_t surface_bytes(const CodedFormat& room, int surfaces);

/// A size that holds the format and others: 1080p or 4K, upright or not, where it is smaller.
[[nodiscard]] CodedFormat roomy(const CodedFormat& format);

/// One decoder of the chip. The whole coded picture comes out, in surface_format(), uncropped and unscaled; its planes
/// lie surface_height() rows apart. Not thread-safe.
class Session {
  public:
    /// Room for pictures up to `room`'s size, with this many surfaces to decode into. Throws Error(failed).
    Session(const Library& library, const CodedFormat& format, const CodedFormat& room, int surfaces);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    Session(Session&&) = delete;
    Session& operator=(Session&&) = delete;

    [[nodiscard]] const Library& library() const { return library_; }
    [[nodiscard]] const CodedFormat& format() const { return format_; }
    [[nodiscard]] int surfaces() const { return surfaces_; }
    [[nodiscard]] int surface_height() const;
    [[nodiscard]] std::size_t bytes() const { return surface_bytes(room_, surfaces_); }
    /// Whether reconfigure() can make it decode `format` with at least so many surfaces.
    [[nodiscard]] bool has_room(const CodedFormat& format, int surfaces) const;
    /// Another size. Only while the parser's sequence callback runs. Throws Error(failed).
    void reconfigure(const CodedFormat& format);

    /// Enqueues; may wait where many pictures are enqueued.
    [[nodiscard]] CUresult decode(CUVIDPICPARAMS& picture);
    /// Waits for the picture in surface `index`; post-processing runs on `parameters.output_stream`.
    [[nodiscard]] CUresult map(int index, CUVIDPROCPARAMS& parameters, Mapped& mapped);
    /// True where the chip met an error in the picture, concealed or not. Codecs without such a word: false.
    [[nodiscard]] bool damaged(int index) const;
    void unmap(const Mapped& mapped) noexcept;

  private:
    void create(const CodedFormat& format);
    void destroy() noexcept;

    const Library& library_;
    CodedFormat format_;
    CodedFormat room_;
    int surfaces_;
    int last_decoded_ = -1;
    CUvideodecoder handle_ = nullptr;
};

/// What a pool did, and how long it took in all.
struct PoolCounts {
    std::int64_t created = 0;
    std::int64_t reconfigured = 0;
    std::int64_t reused = 0;  ///< as they were
    double create_seconds = 0;
    double reconfigure_seconds = 0;
};

/// Keeps decoders for the next stream: creating one takes tens of milliseconds, reconfiguring one a few. Thread-safe.
class SessionPool {
  public:
    /// Keeps up to `idle_at_most`; the longest unused goes first.
    explicit SessionPool(std::size_t idle_at_most);

    /// A decoder for `format` with at least `surfaces`; goes back to the pool by itself, and its bytes to `budget`
    /// (null: no bound). Idle decoders of the device count, too; those that are in the way are destroyed. Only while
    /// the parser's sequence callback runs. Throws Error(failed), Error(out_of_memory) where the budget is used up.
    [[nodiscard]] std::shared_ptr<Session> acquire(const Library& library, const CodedFormat& format, int surfaces,
                                                   const std::shared_ptr<SurfaceBudget>& budget = nullptr);
    [[nodiscard]] PoolCounts counts() const;
    /// Destroys the idle ones.
    void clear();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

/// The process's pool. Never destroyed.
[[nodiscard]] SessionPool& session_pool();

}  // namespace millrace::media::nvidia
