// Versions of libraries that this process has loaded, here of stand-ins that say what NVIDIA's would.

#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "infer/model_fixture.h"
#include "infer/session.h"

namespace millrace::infer {
namespace {

/// A library with one function, loaded; its name is that of a file in `folder`.
void* load_stand_in(const TemporaryFolder& folder, const std::string& name, const std::string& source) {
    const std::string code = folder.write(name + ".c", source);
    const std::string library = folder.path() / name;
    const std::string command = fmt::format("cc -shared -fPIC -o '{}' '{}'", library, code);
    EXPECT_EQ(std::system(command.c_str()), 0) << command;  // NOLINT(cert-env33-c,concurrency-mt-unsafe)
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(handle, nullptr) << dlerror();  // NOLINT(concurrency-mt-unsafe)
    return handle;
}

TEST(CudaLibraries, AreUnknownUntilTheyAreLoaded) {
    EXPECT_EQ(cuda_library_versions(), "cuDNN unknown, cuBLAS unknown");
    const TemporaryFolder folder;
    void* cudnn =
        load_stand_in(folder, "libcudnn.so.9", "#include <stddef.h>\nsize_t cudnnGetVersion(void) { return 91301; }\n");
    EXPECT_EQ(cuda_library_versions(), "cuDNN 9.13.1, cuBLAS unknown");
    // cuDNN's parts have names that begin alike, and no such function.
    void* part = load_stand_in(folder, "libcudnn_ops.so.9", "int nothing;\n");
    void* cublas = load_stand_in(folder, "libcublasLt.so.13",
                                 "#include <stddef.h>\nsize_t cublasLtGetVersion(void) { return 130204; }\n");
    EXPECT_EQ(cuda_library_versions(), "cuDNN 9.13.1, cuBLAS 13.2.4");
    EXPECT_EQ(cuda_library_versions({CudaLibrary::cudnn}), "cuDNN 9.13.1");
    for (void* handle : {cudnn, part, cublas}) dlclose(handle);
    EXPECT_EQ(cuda_library_versions(), "cuDNN unknown, cuBLAS unknown");
}

}  // namespace
}  // namespace millrace::infer
