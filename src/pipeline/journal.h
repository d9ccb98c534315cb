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

/// What there is to know of one finished segment.
struct SegmentRecord {
    int segment = 0;
    std::int64_t frames_decoded = 0;
    std::int64_t frames_done = 0;  ///< encoded, or written as data
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

enum class OldJournal { resume, discard };

/// What the journal in `folder` belongs to; nullopt where there is none, or nothing of it can be believed.
[[nodiscard]] std::optional<Identity> read_identity(const std::string& folder);

/// The folder <output>.millrace/ with its journal and segment files. add() is thread-safe.
class Journal {
  public:
    /// Opens or creates. With resume, an existing journal must have `identity`: otherwise Error(usage) names what
    /// differs and offers --restart. Error(usage) when another process works in the folder.
    Journal(std::string folder, const Identity& identity, OldJournal old);

    /// Finished segments whose files are there and intact. Read before the run starts.
    [[nodiscard]] const std::map<int, SegmentRecord>& finished() const { return finished_; }
    [[nodiscard]] std::string segment_path(int segment) const;
    /// Where the output grows until it is whole.
    [[nodiscard]] std::string output_path(const std::string& name) const;
    /// Record a finished segment; on disk when this returns.
    void add(const SegmentRecord& record);
    /// The output is in place: remove the folder. What is not ours stays.
    void remove();

  private:
    std::string folder_;
    std::mutex mutex_;
    std::map<int, SegmentRecord> finished_;
    std::optional<DurableFile> file_;
};

}  // namespace millrace::pipeline
