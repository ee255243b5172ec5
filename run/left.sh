# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# Where files go that are not the user's, and what earlier calls left of them whose owner was killed. Sourced by run.sh.

# Sets `temporary` to where temporary files go. A socket's path has to be short.
find_temporary() {
    temporary=${TMPDIR:-/tmp}
    absolute temporary "$temporary"
    if [ ! -d "$temporary" ] || [ ! -w "$temporary" ]; then
        say "TMPDIR=$temporary is no folder to write to: using /tmp"
        temporary=/tmp
        export TMPDIR=/tmp # others would fail there, too
    fi
    case $temporary in *$'\n'*) temporary=/tmp ;; esac
    [ "${#temporary}" -lt 80 ] || temporary=/tmp
}

# One line that tells whose a folder is: the computer, its space of process ids, and the process.
owner() {
    local space
    space=$(readlink /proc/self/ns/pid 2>/dev/null) || space=-
    # shellcheck disable=SC2016 # for sh
    printf '%s %s %s\n' "${HOSTNAME:--}" "$space" "$(exec sh -c 'echo $PPID')"
}

# Removes the folders, with what is in them, of calls of this user that were killed before they could.
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

# Sets `log` to where QEMU logs, unless QEMU_LOG has said: qemu.log here, or, where that is not ours to write, in a folder of
# this user. A link is not followed: whoever may write here would choose what is overwritten.
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
    say "qemu.log cannot be written in $PWD: QEMU logs to $log"
}
