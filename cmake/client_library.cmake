# The three libraries that are loaded into other people's programs: libteleport.so, libcuda.so.1, libnvidia-ml.so.1.
# They must load on glibc 2.28 whatever compiler built them, so: no libstdc++.so and no libgcc_s.so (cxx_runtime.cpp stands in for what
# header templates need; the rest comes from libstdc++.a), first symbol versions only (old_glibc.h), no start files, nothing exported but
# what the version script lists. test/abi/check.py looks at the result.
#   client_compile_flags(target)              for static libraries that are linked into them
#   add_client_library(target OUTPUT name [VERSION n] MAP version-script SOURCES ... LIBRARIES ...)

function(client_compile_flags target)
  target_compile_options(${target} PRIVATE -fno-exceptions -fno-rtti -fno-semantic-interposition)
  if(NOT TF_SANITIZE)
    target_compile_options(${target} PRIVATE -fno-gnu-unique -include ${CMAKE_SOURCE_DIR}/src/teleport/old_glibc.h)
    # std::string and friends are instantiated here rather than taken from libstdc++.a, whose objects draw in locales and the unwinder.
    target_compile_definitions(${target} PRIVATE _GLIBCXX_EXTERN_TEMPLATE=0)
  endif()
endfunction()

function(add_client_library target)
  cmake_parse_arguments(A "" "OUTPUT;VERSION;MAP" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${target} SHARED ${A_SOURCES})
  client_compile_flags(${target})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${A_OUTPUT} LIBRARY_OUTPUT_DIRECTORY ${TF_DIST}/client
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN" LINK_DEPENDS ${A_MAP})
  if(A_VERSION)
    set_target_properties(${target} PROPERTIES VERSION ${A_VERSION} SOVERSION ${A_VERSION})
  endif()
  target_link_libraries(${target} PRIVATE ${A_LIBRARIES})
  target_link_options(${target} PRIVATE
    -Wl,--version-script=${A_MAP} -Wl,-Bsymbolic -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete -Wl,--enable-new-dtags -Wl,--as-needed)
  if(TF_SANITIZE)
    target_link_libraries(${target} PRIVATE Threads::Threads)
  else()
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src/teleport/cxx_runtime.cpp)
    target_link_options(${target} PRIVATE -nodefaultlibs -nostartfiles -Wl,-z,defs)
    # Before glibc 2.34 threads and dlopen live in libraries of their own; newer systems keep empty ones of these names.
    target_link_libraries(${target} PRIVATE
      -Wl,--push-state,--no-as-needed -l:libpthread.so.0 -l:libdl.so.2 -Wl,--pop-state
      -Wl,--push-state,-Bstatic -lstdc++ -Wl,--pop-state -lgcc -lc -lgcc)
  endif()
endfunction()
