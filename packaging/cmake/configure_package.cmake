# SPDX-License-Identifier: Apache-2.0
# Read by CPack once for each format, before it installs what goes into the package.

# The same tree gives the same bytes: times are the newest change's, not the clock's.
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  file(STRINGS ${CPACK_SANDBOX_PACKAGING}/deb/changelog signed REGEX "^ -- .*>  " LIMIT_COUNT 1)
  string(REGEX REPLACE "^ -- .*>  " "" day "${signed}")
  execute_process(COMMAND date -d ${day} +%s OUTPUT_VARIABLE epoch OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  set(ENV{SOURCE_DATE_EPOCH} ${epoch})
endif()
set(CPACK_SANDBOX_FORMAT ${CPACK_GENERATOR})
