#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What bash completes a line to, by bash-completion and its loader: ask.bash DIRECTORY LINE
directory=$1
line=$2

# shellcheck source=/dev/null
. /usr/share/bash-completion/bash_completion
mkdir -p "$HOME/completions"
cp "$directory/sandbox" "$HOME/completions/"
ln -sf sandbox "$HOME/completions/sbx"
export BASH_COMPLETION_USER_DIR=$HOME

# Words as readline splits them: at the characters of COMP_WORDBREAKS too, which stand alone.
split_line() {
    local text=$1
    text=${text//=/ = }
    text=${text//:/ : }
    read -ra COMP_WORDS <<<"$text"
    [[ $line != *[[:space:]=:] ]] || COMP_WORDS+=("")
    # After "=" or ":" the word that is being completed is empty, and the sign is a word before it.
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMP_LINE=$line
    COMP_POINT=${#line}
}

split_line "$line"
_completion_loader "${COMP_WORDS[0]}"
function=$(complete -p "${COMP_WORDS[0]}" | sed -n 's/.*-F \([^ ]*\).*/\1/p')
"$function" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
