#pragma once
// Segments' packets become one file, in their order.

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "media/sink.h"
#include "pipeline/join.h"

namespace millrace::pipeline {

/// Segments are added in any order, and written as soon as all before them were. The file is the same whatever the
/// order: decoding times are made over the whole file, so where a segment reorders its frames further than all before
/// it, the file is begun anew. Not thread-safe; all may throw what join_segments() throws.
class VideoJoin {
  public:
    explicit VideoJoin(const JoinHouse& house);

    /// A finished segment.
    void add(const SegmentRecord& record);
    /// All that can be written. Where the copied streams' end is that of the video (InputPlan::frame_limit), only when
    /// all segments were added.
    void write_ready();
    /// All segments were added: the rest, and the file gets its name.
    [[nodiscard]] JoinResult finish();
    /// Remove the unfinished file, of an output that gets its name by rename.
    void discard() noexcept;
    [[nodiscard]] const std::map<int, SegmentRecord>& added() const { return records_; }

  private:
    void check_parameter_sets(const SegmentRecord& record) const;
    void check_stop() const;
    void check_all_written() const;
    void refuse_losses(const std::vector<media::CopyNote>& notes) const;
    [[nodiscard]] std::vector<std::int64_t> read_pts(int segment) const;
    void sort_times();
    void begin(std::int64_t first_dts);
    void write_segment(int segment, const std::vector<std::int64_t>& dts, std::int64_t first);
    void begin_anew();
    [[nodiscard]] std::int64_t end_of_video() const;
    [[nodiscard]] media::SinkVideo describe() const;

    JoinHouse house_;
    std::map<int, SegmentRecord> records_;
    std::map<int, std::vector<std::int64_t>> pts_;  ///< of segments behind one that is missing, in the files' order
    int reorder_ = 0;                               ///< the largest of all segments that were added
    std::vector<std::int64_t> sorted_;              ///< pts of the segments before `sorted_segments_`
    std::int64_t first_pts_ = 0;                    ///< of the file's first packet
    int sorted_segments_ = 0;
    int written_segments_ = 0;
    std::int64_t written_ = 0;  ///< packets
    std::unique_ptr<media::Sink> sink_;
    std::vector<media::CopyNote> notes_;
};

}  // namespace millrace::pipeline
