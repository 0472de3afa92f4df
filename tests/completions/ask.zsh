#!/usr/bin/env zsh
# SPDX-License-Identifier: Apache-2.0
# What zsh completes a line to, typed into an interactive zsh with compinit: ask.zsh DIRECTORY LINE
emulate -R zsh
zmodload zsh/zpty zsh/zselect
directory=$1
line=$2
hits=$HOME/hits
: >$hits

# compadd is how every match gets in. What only fills arrays (-A, -D, -O) is a question of a function's own.
cat >$HOME/.zshrc <<RC
PROMPT= RPROMPT=
fpath=(${(q)directory} \$fpath)
autoload -Uz compinit && compinit -u -d ${(q)HOME}/dump
zstyle ':completion:*' list-prompt ''
setopt no_beep
compadd() {
    local -a found
    if [[ " \${(j: :)@[1,(i)(-|--)]}" != *' -'[a-zA-Z12]#[ADO]* ]]; then
        builtin compadd -O found "\$@"
        print -rl -- \$found >>${(q)hits}
    fi
    builtin compadd "\$@"
}
tell_end() { print -r -- . >${(q)HOME}/ended }
compinit_done() { comppostfuncs=(tell_end); : >${(q)HOME}/ready }
setopt extended_glob
compinit_done
RC

wait_for() {
    local tries=0
    until [[ -e $1 ]]; do
        (( ++tries < 1000 )) || { print -u2 "ask.zsh: no $1 in 20 s"; exit 1 }
        zselect -t 2
        zpty -r -t shell ignored 2>/dev/null
    done
}

ZDOTDIR=$HOME zpty shell zsh -i
wait_for $HOME/ready
zpty -w -n shell $line$'\t'
wait_for $HOME/ended
zpty -d shell
sort -u $hits
