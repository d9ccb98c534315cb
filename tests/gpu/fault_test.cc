// A GPU that is lost to a process. For machines with one: elsewhere these fail.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "core/error.h"
#include "device/cuda/runtime.h"
#include "device/picture.h"
#include "gpu/support.h"
#include "ops/support.h"
#include "ops/to_tensor.h"

namespace millrace::device::test {
namespace {

/// Writes where no memory is; 7 when the error says what happened and the device is known to be lost.
[[noreturn]] void write_nowhere() {
    const core::PictureDesc desc = ops::test::yuv_desc(64, 64, 8, {1, 1});
    const ops::ToTensor op(desc, {});
    BufferPool pool(gpu, "device", plenty);
    const Picture picture = lease_picture(pool, desc);
    Tensor nowhere;
    nowhere.desc = op.output();
    nowhere.device = gpu;
    nowhere.data = reinterpret_cast<std::byte*>(std::uintptr_t{1} << 44U);  // NOLINT(*-reinterpret-cast,*-int-to-ptr)
    const Stream stream(gpu);
    std::string message;
    try {
        op.run(stream, picture, nowhere);
        synchronize(stream);
    } catch (const core::Error& error) {
        message = error.what();
    }
    const bool named = message.starts_with("cuda:0: ") && message.find("cudaErrorIllegalAddress") != std::string::npos;
    std::cerr << message << '\n';
    std::_Exit(named && cuda_lost(0) ? 7 : 1);
}

// In a process of its own: the device is of no use to it afterwards.
TEST(GpuFaultDeathTest, AnIllegalAddressIsAStickyErrorThatIsRecognised) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(write_nowhere(), ::testing::ExitedWithCode(7), "end it and resume");
}

}  // namespace
}  // namespace millrace::device::test
