#include "copy_lines.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "core/log.h"

namespace millrace::python {

namespace nb = nanobind;

namespace {

struct Naming {
    nb::object place;  ///< () -> str, of millrace/_place.py
    device::CopyLedger ledger;
};
Naming* naming = nullptr;

// By Python's main thread between two instructions, after the call that copied has returned and before the next begins.
int name_line(void* /*unused*/) {
    std::string line;
    try {
        line = nb::cast<std::string>(naming->place());
    } catch (const nb::python_error& error) {
        core::log::debug("a line that copies is not known: {}", error.what());
    }
    naming->ledger.named(line);
    return 0;
}

// Within a call of CUDA, mostly without the GIL, which must not be waited for there: whoever has it may wait for CUDA.
bool ask_for_line() { return Py_AddPendingCall(&name_line, nullptr) == 0; }

}  // namespace

device::CopyLedger& copies_of_scripts(const std::vector<std::string>& paths) {
    if (naming == nullptr) {
        const nb::object place = nb::module_::import_("millrace._place").attr("place_in")(paths);
        naming = new Naming{place, device::CopyLedger(&ask_for_line)};  // NOLINT(cppcoreguidelines-owning-memory)
    }
    return naming->ledger;
}

}  // namespace millrace::python
