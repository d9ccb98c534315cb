#include "device/memory_source.h"

#include <new>

#include "device/cuda/runtime.h"

namespace millrace::device {

namespace {

class PageableSource final : public MemorySource {
  public:
    Storage allocate(std::size_t bytes) override {
        return {static_cast<std::byte*>(::operator new[](bytes, alignment, std::nothrow)), bytes, nullptr};
    }
    void release(Storage storage) noexcept override { ::operator delete[](storage.data, alignment); }
    [[nodiscard]] const char* option() const override { return "--memory"; }

  private:
    static constexpr std::align_val_t alignment{256};
};

}  // namespace

std::unique_ptr<MemorySource> make_memory_source(DeviceId device) {
    if (device.kind == DeviceKind::cuda) return cuda::device_memory(device.index);
    return std::make_unique<PageableSource>();
}

std::unique_ptr<MemorySource> make_pinned_source(DeviceId device) { return cuda::pinned_memory(device.index); }

std::unique_ptr<MemorySource> make_staging_source(DeviceId device) {
    return device.kind == DeviceKind::cuda ? make_pinned_source(device) : make_memory_source(device);
}

}  // namespace millrace::device
