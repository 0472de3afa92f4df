# SPDX-License-Identifier: Apache-2.0
# Symbolic links among what is installed.
# sandbox_install_link(TARGET LINK): a symbolic link, relative to the prefix.
function(sandbox_install_link target link)
  cmake_path(GET link FILENAME name)
  cmake_path(GET link PARENT_PATH directory)
  set(made ${CMAKE_CURRENT_BINARY_DIR}/links/${directory}/${name})
  cmake_path(GET made PARENT_PATH made_in)
  file(MAKE_DIRECTORY ${made_in})
  file(CREATE_LINK ${target} ${made} SYMBOLIC)
  install(FILES ${made} DESTINATION ${directory})
endfunction()
