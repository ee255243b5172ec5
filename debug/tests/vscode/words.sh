# shellcheck shell=bash
# How the scripts here say what they do and what fails. Sourced by them, from the project's folder.

say() { printf '%s\n' "${0#*tests/vscode/}: $*" >&2; }

fail() {
    say "$@"
    exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

run() {
    printf '+ %s\n' "$*" >&2
    "$@"
}
