// A library that breaks the GPU for the process that it is loaded into: LD_PRELOAD it, and MILLRACE_TEST_TRAP_AFTER
// names a file whose coming into being starts a kernel that traps. From then on every CUDA call of the process fails.

#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace {

__global__ void trap() { asm("trap;"); }

void trap_when_told() {
    const char* path = std::getenv("MILLRACE_TEST_TRAP_AFTER");
    if (path == nullptr) return;
    std::thread([path] {
        struct stat found{};
        while (::stat(path, &found) != 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        trap<<<1, 1>>>();
        cudaDeviceSynchronize();
    }).detach();
}

[[gnu::constructor]] void begin() { trap_when_told(); }

}  // namespace
