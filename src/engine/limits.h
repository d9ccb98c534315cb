#pragma once
// How much may be in flight at once.

#include <cstddef>
#include <string>

#include "millrace/job.h"
#include "pipeline/job.h"

namespace millrace::engine {

inline constexpr std::size_t mib = std::size_t{1} << 20U;  ///< bytes, for messages

/// Lanes by cores, by --lanes, and by what one lane keeps in memory (docs/memory.md has the estimate).
[[nodiscard]] pipeline::Limits make_limits(const RunOptions& options, const pipeline::ResolvedJob& job, int cores);

/// Bytes that one lane and its encoder keep, by the estimate.
[[nodiscard]] std::size_t lane_bytes(const pipeline::ResolvedJob& job);

/// Bytes that may be in flight: --memory, or what the machine's memory and cores allow.
[[nodiscard]] std::size_t memory_for(const RunOptions& options, int cores);

/// Bytes that a lane's decoder keeps, by the estimate.
[[nodiscard]] std::size_t decoder_bytes(const core::PictureDesc& picture);

/// For the report, where memory keeps lanes back that cores and segments would feed; empty mostly.
[[nodiscard]] std::string limits_note(const RunOptions& options, const pipeline::ResolvedJob& job);

}  // namespace millrace::engine
