# A room is one folder, one static library and one namespace. Its sources are found, not listed: a new file needs no
# line of CMake.
#
# Which backend a file belongs to is told by its path:
#   cuda/, *_cuda.cc, *.cu            built with MILLRACE_CUDA
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

# millrace_room(name [USES room...] [WITH third-party-target...])
# A main.cc is left out: it is the program's, and tests link the room.
function(millrace_room name)
    cmake_parse_arguments(PARSE_ARGV 1 room "" "" "USES;WITH")
    millrace_sources(sources "${CMAKE_CURRENT_SOURCE_DIR}")
    list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
    add_library(millrace_${name} STATIC ${sources})
    add_library(millrace::${name} ALIAS millrace_${name})
    target_include_directories(millrace_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
    list(TRANSFORM room_USES PREPEND "millrace::")
    target_link_libraries(millrace_${name} PUBLIC ${room_USES} ${room_WITH} PRIVATE millrace::compile_options)
endfunction()
