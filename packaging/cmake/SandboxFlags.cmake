# SPDX-License-Identifier: Apache-2.0
# Warnings and hardening for every target, and the one way to declare a room of the house.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(sandbox_flags INTERFACE)
target_compile_options(sandbox_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms on std::string's operator+ (GCC bug 105651, mended in 13).
  target_compile_options(sandbox_flags INTERFACE -Wno-restrict)
endif()
target_compile_definitions(sandbox_flags INTERFACE _GNU_SOURCE)
if(SANDBOX_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "SANDBOX_FUZZ needs clang: -DCMAKE_CXX_COMPILER=clang++")
  endif()
  # The rooms are watched too, not the targets alone. https://llvm.org/docs/LibFuzzer.html#fuzzer-usage
  target_compile_options(sandbox_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
                                                 -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  target_link_options(sandbox_flags INTERFACE -fsanitize=address,undefined)
elseif(SANDBOX_SANITIZE)
  target_compile_options(sandbox_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined
                                                 -fno-omit-frame-pointer)
  target_link_options(sandbox_flags INTERFACE -fsanitize=address,undefined)
else()
  target_compile_options(sandbox_flags INTERFACE -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i.86")
    target_compile_options(sandbox_flags INTERFACE -fcf-protection)
  endif()
  if(CMAKE_BUILD_TYPE MATCHES "Rel")
    target_compile_definitions(sandbox_flags INTERFACE _FORTIFY_SOURCE=2)
  endif()
endif()
# The sanitizer's tables have so many addresses that relocating them is half of the time of a short test.
if(SANDBOX_SANITIZE)
  set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
else()
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()
include(CheckPIESupported)
check_pie_supported()
add_link_options(-Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections)
add_compile_options(-ffunction-sections -fdata-sections)

# sandbox_room(NAME SOURCES files... MAY_INCLUDE rooms... [LINK libs...])
# A room is a static library. MAY_INCLUDE is the list of rooms whose headers it may include: the arrows of
# the architecture. tests/arrows.sh reads the same lines and holds every #include against them.
function(sandbox_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;MAY_INCLUDE;LINK" ${ARGN})
  add_library(sandbox_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(sandbox_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(sandbox_${name} PRIVATE sandbox_flags)
  foreach(room IN LISTS ROOM_MAY_INCLUDE)
    target_link_libraries(sandbox_${name} PUBLIC sandbox_${room})
  endforeach()
  target_link_libraries(sandbox_${name} PUBLIC ${ROOM_LINK})
endfunction()
