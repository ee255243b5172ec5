# shellcheck shell=bash
# What run.sh says: messages, and the commands that it runs. Sourced by run.sh.

# Never fails: a message that nobody reads is no reason to stop halfway.
say() { printf '%s\n' "run.sh: $*" >&2 || :; }

fail() {
    say "$@"
    exit 2
}

# Prints the usage, and fails.
usage_error() {
    usage >&2
    printf '\n' >&2
    fail "$@"
}

have() { command -v "$1" >/dev/null 2>&1; }

# Prints a command, quoted so that it can be pasted into a shell.
quoted() {
    local word line='' quote="'" escaped="'\\''"
    for word; do
        case $word in
            *[!A-Za-z0-9_./:=,+@%-]* | '') line+=" '${word//$quote/$escaped}'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '%s\n' "${line# }"
}

show() { printf '+ %s\n' "$(quoted "$@")" >&2 || :; } # see say

run() {
    show "$@"
    "$@"
}

# Sets the variable $1 to the absolute path of $2: this script leaves the caller's folder.
absolute() { case $2 in /*) printf -v "$1" '%s' "$2" ;; *) printf -v "$1" '%s/%s' "$PWD" "$2" ;; esac; }
