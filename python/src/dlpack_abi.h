#pragma once
// The structures of DLPack 1.0 (dmlc.github.io/dlpack, "C API"), which all array libraries agree on. Layout is what
// matters here; names are ours but for the spelling of the standard in comments.

#include <cstdint>

namespace millrace::python::dlpack {

enum DeviceType : std::int32_t { cpu = 1, cuda = 2, cuda_managed = 13 };                  // DLDeviceType
enum TypeCode : std::uint8_t { signed_integer = 0, unsigned_integer = 1, floating = 2 };  // DLDataTypeCode

struct Device {  // DLDevice
    std::int32_t type;
    std::int32_t index;
};

struct DataType {  // DLDataType
    std::uint8_t code;
    std::uint8_t bits;
    std::uint16_t lanes;
};

struct View {  // DLTensor
    void* data;
    Device device;
    std::int32_t dimensions;
    DataType type;
    std::int64_t* shape;
    std::int64_t* strides;  ///< in elements; null: compact and row-major
    std::uint64_t byte_offset;
};

struct Managed {  // DLManagedTensor, in a capsule named "dltensor"
    View view;
    void* context;
    void (*deleter)(Managed*);
};

struct Version {  // DLPackVersion
    std::uint32_t major;
    std::uint32_t minor;
};

struct ManagedVersioned {  // DLManagedTensorVersioned, in a capsule named "dltensor_versioned"
    Version version;
    void* context;
    void (*deleter)(ManagedVersioned*);
    std::uint64_t flags;
    View view;
};

inline constexpr const char* name = "dltensor";
inline constexpr const char* used_name = "used_dltensor";
inline constexpr const char* versioned_name = "dltensor_versioned";
inline constexpr const char* used_versioned_name = "used_dltensor_versioned";

}  // namespace millrace::python::dlpack
