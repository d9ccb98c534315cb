# A room is one folder, one static library and one namespace. Its sources are found, not listed: a new file needs no
# line of CMake.
#
# Which backend a file belongs to is told by its path:
#   cuda/, *_cuda.cc, *.cu            built with MILLRACE_CUDA
#   *_sm90a.cu                        of those, for Hopper alone, with what only that has
#   stub/ below those, *_stub.cc      built without it
function(millrace_sources out folder)
    file(GLOB_RECURSE sources RELATIVE "${folder}" CONFIGURE_DEPENDS "${folder}/*.cc")
    file(GLOB_RECURSE kernels RELATIVE "${folder}" CONFIGURE_DEPENDS "${folder}/*.cu")
    # Relative, so that where the checkout lies decides nothing.
    list(TRANSFORM sources PREPEND "/")
    list(TRANSFORM kernels PREPEND "/")
    if(MILLRACE_CUDA)
        list(APPEND sources ${kernels})
        list(FILTER sources EXCLUDE REGEX "/stub/|_stub\\.cc$")
    else()
        set(stubs ${sources})
        list(FILTER stubs INCLUDE REGEX "/stub/|_stub\\.cc$")
        list(FILTER sources EXCLUDE REGEX "/stub/|_stub\\.cc$|/cuda/|_cuda\\.cc$")
        list(APPEND sources ${stubs})
    endif()
    list(TRANSFORM sources PREPEND "${folder}")
    set(${out} ${sources} PARENT_SCOPE)
endfunction()

# With MILLRACE_UNITY, a target's sources are compiled several at a time, as most of the time that one takes goes into
# headers that others read, too. CUDA's headers stay with the files that ask for them.
function(millrace_unity target)
    if(NOT MILLRACE_UNITY)
        return()
    endif()
    set(alone ${ARGN})
    list(FILTER alone INCLUDE REGEX "/cuda/|_cuda\\.cc$|\\.cu$")
    set_source_files_properties(${alone} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
endfunction()

# millrace_room(name [UNITY] [USES room...] [WITH third-party-target...])
# A main.cc is left out: it is the program's, and tests link the room. UNITY: no two files of the room have the same name
# in their unnamed namespaces, and the room is large enough for millrace_unity to be worth it.
function(millrace_room name)
    cmake_parse_arguments(PARSE_ARGV 1 room "UNITY" "" "USES;WITH")
    millrace_sources(sources "${CMAKE_CURRENT_SOURCE_DIR}")
    list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
    set(hopper ${sources})
    list(FILTER hopper INCLUDE REGEX "_sm90a\\.cu$")
    list(FILTER sources EXCLUDE REGEX "_sm90a\\.cu$")
    add_library(millrace_${name} STATIC ${sources})
    add_library(millrace::${name} ALIAS millrace_${name})
    target_include_directories(millrace_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
    if(room_UNITY)
        millrace_unity(millrace_${name} ${sources})
    endif()
    list(TRANSFORM room_USES PREPEND "millrace::")
    target_link_libraries(millrace_${name} PUBLIC ${room_USES} ${room_WITH} PRIVATE millrace::compile_options)
    if(hopper)
        add_library(millrace_${name}_hopper OBJECT ${hopper})
        set_target_properties(millrace_${name}_hopper PROPERTIES CUDA_ARCHITECTURES 90a-real)
        target_include_directories(millrace_${name}_hopper PRIVATE "${PROJECT_SOURCE_DIR}/src")
        target_link_libraries(millrace_${name}_hopper PRIVATE ${room_USES} millrace::compile_options)
        target_sources(millrace_${name} PRIVATE $<TARGET_OBJECTS:millrace_${name}_hopper>)
    endif()
endfunction()
