# SPDX-License-Identifier: Apache-2.0
# CPack: `cmake --build . --target package` makes the .deb and the .rpm that packaging/deb and packaging/rpm make, of
# what is built here. Formats whose tools are not installed are left out.
find_program(SANDBOX_DPKG_SHLIBDEPS dpkg-shlibdeps)
find_program(SANDBOX_RPMBUILD rpmbuild)
set(CPACK_GENERATOR "")
if(SANDBOX_DPKG_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
endif()
if(SANDBOX_RPMBUILD)
  list(APPEND CPACK_GENERATOR RPM)
endif()
if(NOT CPACK_GENERATOR)
  set(CPACK_GENERATOR TGZ)
endif()

set(packaging ${PROJECT_SOURCE_DIR}/packaging)
set(CPACK_PACKAGE_VENDOR "The sandbox developers")
set(CPACK_PACKAGE_CONTACT "The sandbox developers <sandbox@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "rootless developer sandbox")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PROJECT_CONFIG_FILE ${packaging}/cmake/configure_package.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${packaging}/cmake/finish_package.cmake)
set(CPACK_SANDBOX_PACKAGING ${packaging})

# The text below "Description:", without the marks of the control file's format.
file(READ ${packaging}/deb/control control)
string(REGEX REPLACE ".*\nDescription:[^\n]*\n" "" description "${control}")
string(REGEX REPLACE "(^|\n) " "\\1" description "${description}")
string(REPLACE "\n.\n" "\n\n" description "${description}")
string(STRIP "${description}" CPACK_PACKAGE_DESCRIPTION)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_RPM_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS uidmap)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS fuse-overlayfs)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS apparmor)
set(CPACK_DEBIAN_PACKAGE_CONFLICTS policycoreutils-sandbox)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# Debian's scripts hold a mark for debhelper's own lines, of which there are none.
foreach(script postinst prerm)
  file(READ ${packaging}/deb/${script} text)
  string(REPLACE "\n#DEBHELPER#\n" "" text "${text}")
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/packaging/deb/${script} CONTENT "${text}" @ONLY)
endforeach()
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/packaging/deb/postinst
                                       ${PROJECT_BINARY_DIR}/packaging/deb/prerm ${packaging}/deb/triggers)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELEASE 1)
set(CPACK_RPM_PACKAGE_SUMMARY "Rootless developer sandbox")
set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
set(CPACK_RPM_PACKAGE_REQUIRES shadow-utils)
set(CPACK_RPM_PACKAGE_CONFLICTS policycoreutils-sandbox)
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _buildhost localhost
%define use_source_date_epoch_as_buildtime 1
%define clamp_mtime_to_source_date_epoch 1
%define _build_id_links none
Recommends: fuse-overlayfs")
# Directories of other packages.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /usr/libexec /usr/share/licenses /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/doc /usr/share/bash-completion
    /usr/share/bash-completion/completions /usr/share/zsh /usr/share/zsh/site-functions /usr/share/fish
    /usr/share/fish/vendor_completions.d)
# The scripts and the history are those of the spec.
file(READ ${packaging}/rpm/sandbox.spec spec)
string(REPLACE "%{_libexecdir}" /usr/libexec spec "${spec}")
foreach(section post preun changelog)
  string(REGEX MATCH "\n%${section}\n(([^%\n][^\n]*)?\n)*" text "${spec}")
  string(REGEX REPLACE "^\n%${section}\n" "" text "${text}")
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/packaging/rpm/${section} CONTENT "${text}" @ONLY)
endforeach()
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${PROJECT_BINARY_DIR}/packaging/rpm/post)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${PROJECT_BINARY_DIR}/packaging/rpm/preun)
set(CPACK_RPM_CHANGELOG_FILE ${PROJECT_BINARY_DIR}/packaging/rpm/changelog)

include(CPack)
