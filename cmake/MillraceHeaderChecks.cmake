# Every header compiles on its own: one generated source per header, which includes nothing else.
# Headers of the GPU backends need the CUDA headers, so only a build with CUDA checks them.

add_custom_target(header_checks)

function(millrace_check_headers room base prefix)
    file(GLOB_RECURSE headers RELATIVE "${base}" CONFIGURE_DEPENDS "${base}/${prefix}/*.h")
    if(NOT MILLRACE_CUDA)
        list(FILTER headers EXCLUDE REGEX "/cuda/")
    endif()
    set(sources "")
    foreach(header IN LISTS headers)
        set(source "${PROJECT_BINARY_DIR}/header_checks/${header}.cc")
        file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"@header@\"  // IWYU pragma: keep\n" @ONLY)
        list(APPEND sources "${source}")
    endforeach()
    string(MAKE_C_IDENTIFIER "header_checks_${prefix}" target)
    add_library(${target} OBJECT ${sources})
    target_link_libraries(${target} PRIVATE millrace::${room} millrace::compile_options)
    add_dependencies(header_checks ${target})
endfunction()

foreach(room core device ops media infer pipeline engine app)
    millrace_check_headers(${room} "${PROJECT_SOURCE_DIR}/src" ${room})
endforeach()
millrace_check_headers(engine "${PROJECT_SOURCE_DIR}/include" millrace)
