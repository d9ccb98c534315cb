// A death test starts this program anew by its first argument, which a shell leaves without a folder when it found the
// program in PATH.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

int main(int argc, char** argv) {
    std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    if (argc > 0) argv[0] = program.data();
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
