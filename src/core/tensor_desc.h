#pragma once
// What a tensor is, without its memory.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::core {

enum class DType : std::uint8_t { float32, float16, uint8, uint16, int32, int64 };

[[nodiscard]] std::size_t size_of(DType dtype);
[[nodiscard]] const char* name(DType dtype);

/// Element type and extents, row-major and compact: the last dimension is contiguous.
struct TensorDesc {
    DType dtype = DType::float32;
    std::vector<std::int64_t> shape;

    friend bool operator==(const TensorDesc&, const TensorDesc&) = default;

    [[nodiscard]] std::int64_t element_count() const;
    [[nodiscard]] std::size_t byte_count() const;
};

/// "float32 [1, 3, 360, 640]"
[[nodiscard]] std::string to_string(const TensorDesc& desc);

}  // namespace millrace::core
