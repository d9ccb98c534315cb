#pragma once
// What a run that failed leaves behind, in its error.

#include <utility>

#include "core/error.h"
#include "millrace/job.h"

namespace millrace::engine {

/// `error` with the number of finished segments that lie in the job's work folder, where there are any and somebody can
/// go on.
[[nodiscard]] core::Error with_what_is_kept(const core::Error& error, const Job& job);

/// What `work` returns; its errors tell what is kept. The work folder's journal is this job's when it begins.
template <class Work>
auto telling_what_is_kept(const Job& job, Work&& work) {
    try {
        return std::forward<Work>(work)();
    } catch (const core::Error& error) {
        throw with_what_is_kept(error, job);
    }
}

}  // namespace millrace::engine
