#pragma once
// What is finished, on disk beside the output, so that a killed run continues.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "media/encoder.h"
#include "pipeline/durable_file.h"
#include "pipeline/segment_file.h"

namespace millrace::pipeline {

/// Everything that may change a bit of the output, by name: two runs with equal identities give equal files.
using Identity = std::map<std::string, std::string>;
/// In an identity: the hash of a script, of which messages say only that it is another one.
inline constexpr const char* script_key = "script";

/// What there is to know of one finished segment.
struct SegmentRecord {
    int segment = 0;
    std::int64_t frames_decoded = 0;
    std::int64_t frames_done = 0;  ///< frames of the input that were encoded, or written as data
    std::int64_t decode_errors = 0;
    std::int64_t nan_values = 0;
    std::int64_t retimed_frames = 0;   ///< their pts was missing or ran backward
    std::int64_t reshaped_frames = 0;  ///< their size or format was not the stream's
    std::vector<std::int64_t> corrupt_pts;
    std::vector<std::int64_t> dropped_pts;
    std::vector<std::int64_t> missing_pts;
    SegmentDigest digest;
    std::optional<media::EncodedStream> stream;  ///< none for data

    friend bool operator==(const SegmentRecord&, const SegmentRecord&);
};

/// One line of the journal, without the newline: a checksum (8 hexadecimal digits of SHA-256) and JSON.
[[nodiscard]] std::string format_record(const SegmentRecord& record);
[[nodiscard]] std::string format_identity(const Identity& identity);

/// What a journal file says. Lines are believed up to the first whose checksum is wrong: a crash tears only the last.
struct JournalContents {
    std::optional<Identity> identity;
    std::map<int, SegmentRecord> finished;
    std::size_t believed_bytes = 0;  ///< length of the lines that were believed
};

/// Never throws on any text.
[[nodiscard]] JournalContents parse_journal(std::string_view text);

/// "-crf was 20, now 23; ..."
[[nodiscard]] std::string describe_difference(const Identity& before, const Identity& now);

enum class OldJournal { resume, discard };

/// What the finished segments in `folder` belong to; nullopt where there are none.
[[nodiscard]] std::optional<Identity> read_identity(const std::string& folder);

/// By the journal in `folder`; 0 where there is none.
[[nodiscard]] std::size_t count_finished(const std::string& folder);

/// Where a segment grows and stays in the work folder.
[[nodiscard]] std::string segment_path(const std::string& folder, int segment);

/// What a run needs to know and tells of finished segments.
class SegmentLedger {
  public:
    virtual ~SegmentLedger() = default;

    /// Segments that need no work. Read before the run starts.
    [[nodiscard]] virtual const std::map<int, SegmentRecord>& finished() const = 0;
    [[nodiscard]] virtual std::string segment_path(int segment) const = 0;
    /// Record a finished segment; safe from any crash when this returns. Thread-safe.
    virtual void add(const SegmentRecord& record) = 0;
};

/// The folder <output>.millrace/ with its journal and segment files.
class Journal final : public SegmentLedger {
  public:
    /// Opens or creates. With resume, a journal that has finished segments must have `identity`: otherwise Error(usage)
    /// names what differs and offers --restart. Error(usage) when another process works in the folder.
    Journal(std::string folder, const Identity& identity, OldJournal old);

    /// Those whose files are there and intact.
    [[nodiscard]] const std::map<int, SegmentRecord>& finished() const override { return finished_; }
    [[nodiscard]] std::string segment_path(int segment) const override;
    /// Where the output grows until it is whole.
    [[nodiscard]] std::string output_path(const std::string& name) const;
    void add(const SegmentRecord& record) override;
    /// The output is in place: remove the folder. What is not ours stays.
    void remove();

  private:
    std::string folder_;
    std::mutex mutex_;
    std::map<int, SegmentRecord> finished_;
    std::optional<DurableFile> file_;
};

}  // namespace millrace::pipeline
