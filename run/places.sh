# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# The folder for temporary files, and QEMU's log. Sourced by run.sh.

# Sets `temporary` to the folder for temporary files.
find_temporary() {
    temporary=${TMPDIR:-/tmp}
    absolute temporary "$temporary"
    if [ ! -d "$temporary" ] || [ ! -w "$temporary" ]; then
        say "TMPDIR=$temporary is not a writable folder: using /tmp"
        temporary=/tmp
        export TMPDIR=/tmp # other programs would fail there, too
    fi
}

# Sets `log` to QEMU's log file, unless QEMU_LOG did: qemu.log here, or, if it cannot be written, in a folder of this user. A
# symbolic link is not followed: anyone who can write to this folder could choose which file is overwritten.
find_log() {
    local state=$temporary/run.sh-$UID
    [ -z "$log" ] || return 0
    log=qemu.log
    if [ -L "$log" ]; then
        :
    elif [ -e "$log" ]; then
        [ ! -f "$log" ] || [ ! -w "$log" ] || return 0
    elif [ -w . ]; then
        return 0
    fi
    mkdir -m 700 "$state" 2>/dev/null || :
    if [ ! -d "$state" ] || [ ! -O "$state" ] || [ -L "$state" ] || [ -L "$state/qemu.log" ]; then
        state=$(mktemp -d "$temporary/run.sh-$UID.XXXXXX") || fail "no folder for QEMU's log; try: QEMU_LOG=FILE"
    fi
    log=$state/qemu.log
    say "cannot write qemu.log in $PWD: QEMU logs to $log"
}
