#pragma once
// What standard error or output is connected to. The only place of Millrace that reads the environment.

#include <string>

#include "millrace/job.h"

namespace millrace::app {

/// A variable's value; empty when it is not set. Not to be called while another thread changes the environment.
[[nodiscard]] std::string environment(const char* name);

enum class Colors { off, on };
enum class Charset { ascii, unicode };

/// How one stream is written to.
struct Terminal {
    bool interactive = false;  ///< a terminal that can move its cursor
    Colors colors = Colors::off;
    Charset charset = Charset::ascii;
};

/// Of file descriptor `fd`. Colours: a terminal other than "dumb", and NO_COLOR unset or empty. Unicode: by LC_ALL,
/// LC_CTYPE, LANG, as in POSIX the first one set counts.
[[nodiscard]] Terminal inspect_terminal(int fd);

/// Columns of the terminal on `fd` now; else COLUMNS, else 80.
[[nodiscard]] int terminal_columns(int fd);

/// `text` between the escape sequence of SGR code `code` ("1;31") and its end, where colours are on.
[[nodiscard]] std::string painted(Colors colors, const char* code, const std::string& text);

/// Where ONNX Runtime's library is, by a few looks at the disk and without starting a program. In this order:
/// `asked`; MILLRACE_ORT_LIBRARY; the path set when Millrace was built; the onnxruntime package of the Python that
/// VIRTUAL_ENV, CONDA_PREFIX or PATH names. Empty: none of these; the dynamic linker's search is left.
[[nodiscard]] std::string find_runtime_library(const std::string& asked);

/// Where engines are kept: `asked`; else "millrace/engines" in XDG_CACHE_HOME, or in .cache of HOME. Empty: none is
/// set.
[[nodiscard]] std::string find_engine_cache(const std::string& asked);

/// Where 'tune' keeps what it finds: "millrace/tune", as above.
[[nodiscard]] std::string find_tune_folder();

/// The interpreter of scripts: `asked`; else MILLRACE_PYTHON; else the one in VIRTUAL_ENV; else "python3", which PATH
/// names.
[[nodiscard]] std::string find_python(const std::string& asked);

/// The runtime and the caches, where a model's options name none.
void find_what_models_need(ModelOptions& model);

/// What the job's model or script needs and does not name.
void find_what_a_run_needs(Job& job);

}  // namespace millrace::app
