# Generated code: api/*.api -> ${TF_GEN}. Runs once at configure time, so that the generated .cpp files can be listed, and again in
# the build when a .api file or the generator changed; files are rewritten only when their text changes.
#   target apigen_generate        whoever includes a generated header depends on it
#   apigen_sources(VAR folder)    the generated .cpp files of ${TF_GEN}/folder
file(GLOB_RECURSE APIGEN_INPUTS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/api/*.api ${CMAKE_SOURCE_DIR}/api/opcodes.txt
     ${CMAKE_SOURCE_DIR}/apigen/*.py)
list(FILTER APIGEN_INPUTS EXCLUDE REGEX "/test_[^/]*\\.py$")
set(APIGEN_STAMP ${CMAKE_BINARY_DIR}/apigen.stamp)
set(APIGEN_COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${CMAKE_SOURCE_DIR} PYTHONDONTWRITEBYTECODE=1
    ${Python3_EXECUTABLE} -m apigen generate --out ${TF_GEN} --stamp ${APIGEN_STAMP})
execute_process(COMMAND ${APIGEN_COMMAND} RESULT_VARIABLE APIGEN_RESULT)
if(NOT APIGEN_RESULT EQUAL 0)
  message(FATAL_ERROR "apigen failed")
endif()

file(GLOB_RECURSE APIGEN_OUTPUTS ${TF_GEN}/*)
add_custom_command(OUTPUT ${APIGEN_STAMP} BYPRODUCTS ${APIGEN_OUTPUTS} COMMAND ${APIGEN_COMMAND} DEPENDS ${APIGEN_INPUTS}
                   COMMENT "apigen: api/*.api -> gen" VERBATIM)
add_custom_target(apigen_generate DEPENDS ${APIGEN_STAMP})

function(apigen_sources VAR FOLDER)
  file(GLOB FOUND ${TF_GEN}/${FOLDER}/*.cpp)
  set(${VAR} ${FOUND} PARENT_SCOPE)
endfunction()

enable_testing()
add_test(NAME apigen.unit COMMAND ${Python3_EXECUTABLE} -m unittest discover -s apigen -t . WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
add_test(NAME apigen.coverage_page COMMAND ${Python3_EXECUTABLE} -m apigen coverage --check WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set(TF_CUDA_INCLUDE "" CACHE PATH "folder of NVIDIA's cuda.h and nvml.h, for the parity test only")
set(APIGEN_PARITY --cxx ${CMAKE_CXX_COMPILER})
if(TF_CUDA_INCLUDE)
  list(APPEND APIGEN_PARITY --cuda-include ${TF_CUDA_INCLUDE})
endif()
add_test(NAME apigen.parity COMMAND ${Python3_EXECUTABLE} -m apigen parity ${APIGEN_PARITY} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(apigen.unit apigen.coverage_page apigen.parity PROPERTIES ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
