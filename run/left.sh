# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# Temporary files: where they go, and removing those of earlier calls that were killed. Sourced by run.sh.

# Sets `temporary` to the folder for temporary files. Its path must be short, because a socket's path must be.
find_temporary() {
    temporary=${TMPDIR:-/tmp}
    absolute temporary "$temporary"
    if [ ! -d "$temporary" ] || [ ! -w "$temporary" ]; then
        say "TMPDIR=$temporary is not a writable folder: using /tmp"
        temporary=/tmp
        export TMPDIR=/tmp # other programs would fail there, too
    fi
    case $temporary in *$'\n'*) temporary=/tmp ;; esac
    [ "${#temporary}" -lt 80 ] || temporary=/tmp
}

# Prints one line that names the owner of a folder: the computer, the PID namespace, and the process.
owner() {
    local space
    space=$(readlink /proc/self/ns/pid 2>/dev/null) || space=-
    # shellcheck disable=SC2016 # for sh
    printf '%s %s %s\n' "${HOSTNAME:--}" "$space" "$(exec sh -c 'echo $PPID')"
}

# Removes the folders of this user's calls that were killed before they could remove them.
clear_left() {
    local left computer space process here
    for left in "$temporary"/run.sh.*/owner; do
        { [ -f "$left" ] && [ -O "${left%/owner}" ] && [ ! -L "${left%/owner}" ]; } || continue
        read -r computer space process <"$left" || continue
        kill -0 "$process" 2>/dev/null && continue
        here=$(owner)
        [ "$computer $space" = "${here% *}" ] || continue
        rm -rf "${left%/owner}"
    done
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
