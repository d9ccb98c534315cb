// Leaks that are not ours, for the address sanitizer.

// x265 3.5 forgets copies of its text parameters when an encoder is closed.
extern "C" const char*
__lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" const char*
__lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)
    return "leak:libx265\n";
}
