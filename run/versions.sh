# shellcheck shell=bash disable=SC2154 # variables that run.sh shares
# Prints the versions that were tested, as a row of README.md's table. .ci/run collects the rows. Sourced by run.sh.

# Prints the version at the end of a program's first line of output.
version_of() { "$1" --version 2>/dev/null </dev/null | sed -n '1s/.*[^0-9.]\([0-9][0-9]*\(\.[0-9][0-9]*\)\{1,\}\)$/\1/p'; }

qemu_version() { "$QEMU" --version </dev/null | sed -n '1s/.* version \([0-9.]*\).*/\1/p'; }

# OpenSBI prints its version in its banner.
firmware_version() {
    local line='' process
    exec 3< <(exec timeout 30 "$QEMU" -machine virt -bios default -nographic -monitor none -serial stdio </dev/null 2>/dev/null)
    process=$!
    until [ "$line" != "${line#OpenSBI v}" ]; do read -r -t 30 line <&3 || break; done
    kill "$process" 2>/dev/null || :
    exec 3<&-
    line=${line#OpenSBI v}
    printf '%s' "${line%%[!0-9.]*}"
}

system_name() { sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release 2>/dev/null || uname -sr; }

# $1: the newest GDB, which the tests installed.
tell_versions() {
    say "tested: | $(system_name) | $(qemu_version) | $(firmware_version) | $(version_of "$GDB"), $(version_of "$1") | $(version_of .vscode/lldb-dap) |"
}
