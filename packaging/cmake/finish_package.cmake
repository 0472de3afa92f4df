# SPDX-License-Identifier: Apache-2.0
# Run by CPack on the installed tree before it is packed: what debhelper and rpmbuild would do to it.
set(share ${CPACK_TEMPORARY_DIRECTORY}/usr/share)

# gzip in place, without name and time.
function(compress file)
  execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(GLOB pages ${share}/man/man*/*.[1-8])
foreach(page IN LISTS pages)
  if(IS_SYMLINK ${page})
    file(READ_SYMLINK ${page} target)
    file(REMOVE ${page})
    file(CREATE_LINK ${target}.gz ${page}.gz SYMBOLIC)
  else()
    compress(${page})
  endif()
endforeach()

if(CPACK_SANDBOX_FORMAT STREQUAL "DEB")
  configure_file(${CPACK_SANDBOX_PACKAGING}/deb/copyright ${share}/doc/sandbox/copyright COPYONLY)
  configure_file(${CPACK_SANDBOX_PACKAGING}/deb/changelog ${share}/doc/sandbox/changelog.Debian COPYONLY)
  compress(${share}/doc/sandbox/changelog.Debian)
  compress(${share}/doc/sandbox/README.md)
  configure_file(${CPACK_SANDBOX_PACKAGING}/deb/sandbox.lintian-overrides ${share}/lintian/overrides/sandbox COPYONLY)
elseif(CPACK_SANDBOX_FORMAT STREQUAL "RPM")
  configure_file(${CPACK_SANDBOX_PACKAGING}/../LICENSE ${share}/licenses/sandbox/LICENSE COPYONLY)
endif()
