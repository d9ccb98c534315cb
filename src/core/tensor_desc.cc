#include "core/tensor_desc.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace::core {

std::size_t size_of(DType dtype) {
    switch (dtype) {
        case DType::uint8:
            return 1;
        case DType::float16:
        case DType::uint16:
            return 2;
        case DType::float32:
        case DType::int32:
            return 4;
        case DType::int64:
            return 8;
    }
    return 0;
}

const char* name(DType dtype) {
    switch (dtype) {
        case DType::float32:
            return "float32";
        case DType::float16:
            return "float16";
        case DType::uint8:
            return "uint8";
        case DType::uint16:
            return "uint16";
        case DType::int32:
            return "int32";
        case DType::int64:
            return "int64";
    }
    return "unknown";
}

std::int64_t TensorDesc::element_count() const {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    return count;
}

std::size_t TensorDesc::byte_count() const { return static_cast<std::size_t>(element_count()) * size_of(dtype); }

std::string to_string(const TensorDesc& desc) { return fmt::format("{} {}", name(desc.dtype), desc.shape); }

}  // namespace millrace::core
