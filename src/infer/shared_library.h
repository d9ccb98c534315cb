#pragma once
// Libraries that are loaded at run time.

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::infer {

/// Whether what is loaded later may use a library's symbols.
enum class Symbols : std::uint8_t { own, shared };

/// dlopen's handle of library `name`, from the first of `folders` that has it, else from where the dynamic linker
/// looks. Loaded under its own name, a library is found again by whoever asks for that name. null: `looked` says where
/// it was looked for, and what was wrong there: "in /a, /b and where the dynamic linker looks (...)".
[[nodiscard]] void* open_library(const std::string& name, const std::vector<std::string>& folders, Symbols symbols,
                                 std::string& looked);

}  // namespace millrace::infer
