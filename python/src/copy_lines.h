#pragma once
// Which line of a script asks for which copy.

#include <string>
#include <vector>

#include "device/copy_ledger.h"

namespace millrace::python {

/// The copies that scripts ask for on this thread, Python's main thread, which is the only one that Python calls back.
/// One for the process and as long as that: CUDA calls come until its end. With the GIL.
[[nodiscard]] device::CopyLedger& copies_of_scripts(const std::vector<std::string>& paths);

}  // namespace millrace::python
