# Third-party parts as imported targets. Their headers are system headers: our warnings do not apply to them.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)

pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET
    libavformat>=59 libavcodec>=59 libavfilter>=8 libavutil>=57 libswresample>=4 libswscale>=6)
pkg_check_modules(FFNVCODEC REQUIRED IMPORTED_TARGET ffnvcodec)

# Google Highway: the fetched one is copied beside the program, so that a build folder can be moved whole.
set(HIGHWAY_ROOT "${MILLRACE_DEPS}/highway" CACHE PATH "Google Highway 1.2 or later: include/hwy, lib/libhwy.so")
add_library(millrace_highway INTERFACE)
if(EXISTS "${HIGHWAY_ROOT}/include/hwy/highway.h")
    file(GLOB highway_libraries "${HIGHWAY_ROOT}/lib/libhwy.*")
    file(COPY ${highway_libraries} DESTINATION "${PROJECT_BINARY_DIR}/lib")
    find_library(HIGHWAY_LIBRARY hwy PATHS "${PROJECT_BINARY_DIR}/lib" NO_DEFAULT_PATH REQUIRED)
    target_include_directories(millrace_highway SYSTEM INTERFACE "${HIGHWAY_ROOT}/include")
    target_link_libraries(millrace_highway INTERFACE "${HIGHWAY_LIBRARY}")
    set(CMAKE_BUILD_RPATH "\$ORIGIN/../lib")
else()
    pkg_check_modules(HWY IMPORTED_TARGET libhwy>=1.2)
    if(NOT HWY_FOUND)
        message(FATAL_ERROR "Google Highway 1.2 or later not found: run scripts/setup, or pass -DHIGHWAY_ROOT=")
    endif()
    target_link_libraries(millrace_highway INTERFACE PkgConfig::HWY)
endif()

# ONNX Runtime: headers only. The library is loaded at run time and never linked.
set(ORT_ROOT "${MILLRACE_DEPS}/onnxruntime" CACHE PATH "ONNX Runtime: include/ with onnxruntime_cxx_api.h")
find_path(ONNXRUNTIME_INCLUDE onnxruntime_cxx_api.h
    PATHS "${ORT_ROOT}/include" "${ORT_ROOT}/include/onnxruntime" NO_DEFAULT_PATH)
find_path(ONNXRUNTIME_INCLUDE onnxruntime_cxx_api.h PATH_SUFFIXES onnxruntime)
if(NOT ONNXRUNTIME_INCLUDE)
    message(FATAL_ERROR "ONNX Runtime's headers not found: run scripts/setup, or pass -DORT_ROOT=")
endif()
add_library(millrace_onnxruntime INTERFACE)
target_include_directories(millrace_onnxruntime SYSTEM INTERFACE "${ONNXRUNTIME_INCLUDE}")
target_compile_definitions(millrace_onnxruntime INTERFACE ORT_API_MANUAL_INIT)
target_link_libraries(millrace_onnxruntime INTERFACE ${CMAKE_DL_LIBS})

# The classes of ONNX files, for what is changed in a model before the runtime sees it. Found by hand: Debian's
# ONNXConfig.cmake asks for parts of ONNX that its package does not hold.
pkg_check_modules(PROTOBUF REQUIRED IMPORTED_TARGET protobuf)
find_path(ONNX_INCLUDE onnx/onnx-ml.pb.h)
find_library(ONNX_PROTO_LIBRARY onnx_proto)
if(NOT ONNX_INCLUDE OR NOT ONNX_PROTO_LIBRARY)
    message(FATAL_ERROR "ONNX's classes not found: run scripts/setup, or install libonnx-dev and libprotobuf-dev")
endif()
add_library(millrace_onnx INTERFACE)
target_include_directories(millrace_onnx SYSTEM INTERFACE "${ONNX_INCLUDE}")
target_compile_definitions(millrace_onnx INTERFACE ONNX_ML=1 ONNX_NAMESPACE=onnx)
target_link_libraries(millrace_onnx INTERFACE "${ONNX_PROTO_LIBRARY}" PkgConfig::PROTOBUF)

# cuDNN and its C++ front end: headers only, for builds with CUDA. The library is loaded at run time and never linked.
add_library(millrace_cudnn INTERFACE)
if(MILLRACE_CUDA)
    find_package(CUDAToolkit REQUIRED)
    set(CUDNN_ROOT "${MILLRACE_DEPS}/cudnn" CACHE PATH "cuDNN and cudnn-frontend: include/ with cudnn_frontend.h")
    find_path(CUDNN_INCLUDE cudnn_frontend.h PATHS "${CUDNN_ROOT}/include" NO_DEFAULT_PATH)
    find_path(CUDNN_INCLUDE cudnn_frontend.h)
    if(NOT CUDNN_INCLUDE)
        message(FATAL_ERROR "cuDNN's headers not found: run scripts/setup, or pass -DCUDNN_ROOT=")
    endif()
    target_include_directories(millrace_cudnn SYSTEM INTERFACE "${CUDNN_INCLUDE}")
    target_compile_definitions(millrace_cudnn INTERFACE NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING)
endif()
