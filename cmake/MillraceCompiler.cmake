# Language, warnings, exact arithmetic, sanitizers: the same for every target of ours.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CUDA_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g -D_GLIBCXX_ASSERTIONS")
if(MILLRACE_SANITIZE)
    set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1 -D_GLIBCXX_ASSERTIONS")
endif()

# One cache for every checkout on the machine: paths below the source folder count as relative.
find_program(MILLRACE_CCACHE ccache)
if(MILLRACE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${MILLRACE_CCACHE})
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

if(MILLRACE_CUDA)
    if(NOT CMAKE_CUDA_COMPILER AND EXISTS "${MILLRACE_DEPS}/cuda/bin/nvcc")
        file(REAL_PATH "${MILLRACE_DEPS}/cuda/bin/nvcc" CMAKE_CUDA_COMPILER)
    endif()
    if(NOT CMAKE_CUDA_ARCHITECTURES)
        set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90)
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
    enable_language(CUDA)
endif()

add_library(millrace_compile_options INTERFACE)
add_library(millrace::compile_options ALIAS millrace_compile_options)

set(cxx "$<COMPILE_LANGUAGE:CXX>")
set(cuda "$<COMPILE_LANGUAGE:CUDA>")

# A pixel's value must not depend on where the compiler found a multiply and an add to fuse, so they are never fused.
target_compile_options(millrace_compile_options INTERFACE
    $<${cxx}:-ffp-contract=off>
    "$<${cuda}:--fmad=false;--expt-relaxed-constexpr;-Xcompiler=-ffp-contract=off>")

set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion)
if(MILLRACE_UNITY)
    list(REMOVE_ITEM warnings -Wshadow)  # a local name seems to shadow another file's
endif()
target_compile_options(millrace_compile_options INTERFACE
    "$<${cxx}:${warnings}>"
    "$<${cuda}:-Xcompiler=-Wall,-Wextra,-Wshadow>")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # gcc 12 reports std::string's own operator+ (its bug 105651).
    target_compile_options(millrace_compile_options INTERFACE $<${cxx}:-Wno-restrict>)
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # gcc 12's library instantiates its own deprecated functions, and clang reports that where we call it.
    target_compile_options(millrace_compile_options INTERFACE $<${cxx}:-Wno-deprecated-declarations>)
endif()

# Locations in messages read src/core/error.cc, wherever the checkout lies.
target_compile_options(millrace_compile_options INTERFACE $<${cxx}:-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=>)

if(MILLRACE_SANITIZE)
    set(sanitize -fsanitize=${MILLRACE_SANITIZE} -fno-omit-frame-pointer)
    if(MILLRACE_SANITIZE MATCHES "undefined")
        list(APPEND sanitize -fno-sanitize-recover=all)
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # The instrumented code confuses gcc's flow analysis: it sees uses before initialisation that are not there.
        target_compile_options(millrace_compile_options INTERFACE -Wno-maybe-uninitialized)
    endif()
    target_compile_options(millrace_compile_options INTERFACE ${sanitize})
    target_link_options(millrace_compile_options INTERFACE ${sanitize})
endif()
if(MILLRACE_FUZZ)
    # The rooms report their coverage to the fuzzer that the targets link.
    target_compile_options(millrace_compile_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
