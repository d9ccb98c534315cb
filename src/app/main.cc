#include <malloc.h>

#include <cstdlib>

#include "app/program.h"

int main(int argc, char** argv) {
    // Frames come and go by the hundred: above this size the kernel gets them back at once, and few arenas keep what is
    // below. Otherwise memory grows with the length of a file (bench/engine/ratios.py has the figure).
    constexpr int frame_bytes = 1 << 20;
    constexpr int arenas = 2;
    ::mallopt(M_MMAP_THRESHOLD, frame_bytes);
    ::mallopt(M_ARENA_MAX, arenas);
    // SVT-AV1 writes banners to standard error; 1 leaves it its errors. Before any thread, and not over the user's.
    ::setenv("SVT_LOG", "1", 0);  // NOLINT(concurrency-mt-unsafe)
    return millrace::app::run_program(argc, argv);
}
