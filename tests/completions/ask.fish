#!/usr/bin/env fish
# SPDX-License-Identifier: Apache-2.0
# What fish completes a line to: ask.fish DIRECTORY LINE
set -p fish_complete_path $argv[1]
complete -C "$argv[2]" | string split -f 1 \t
