# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# Finds out whether the address for QEMU's GDB stub is free, and when the stub listens. It never connects: QEMU would take the
# first connection for GDB. Sourced by run.sh, which sets port, socket and where.

# Sets `inodes` to the sockets that listen on the port, on any address. Source: Linux's /proc/net/tcp, state 0A.
find_listeners() {
    local wanted address state inode
    printf -v wanted ':%04X 0A' "$port"
    inodes=''
    while read -r _ address _ state _ _ _ _ _ inode _; do
        case "$address $state" in *"$wanted") inodes+=" $inode" ;; esac
    done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
}

# Returns whether a program listens on the Unix socket: a line with its path has flag 10000, type 1 (stream) and state 1. A
# socket that is only bound has a line too, for a moment before it listens.
socket_listens() {
    local flags type state path
    [ -S "$socket" ] || return 1
    if [ -r /proc/net/unix ]; then
        while read -r _ _ _ flags type state _ path; do
            [ "$flags $type $state $path" != "00010000 0001 01 $socket" ] || return 0
        done </proc/net/unix
        return 1
    fi
    lsof -t "$socket" >/dev/null 2>&1
}

# Exits if another program already listens: GDB would debug the wrong machine.
require_free() {
    if [ -n "$socket" ]; then
        [ ! -e "$socket" ] || [ -S "$socket" ] || fail "$socket exists and is not a socket; try: another --socket PATH"
        [ "${#socket}" -lt 104 ] || fail "--socket $socket is too long: a socket's path may have 103 bytes"
        [ -d "${socket%/*}/" ] || fail "--socket $socket: the folder ${socket%/*} does not exist"
        ! socket_listens || fail "$socket is in use: another program listens there; try: another --socket PATH"
    elif port_in_use; then
        fail "port $port is in use; try: end the program that listens there, or use another port with --port N"
    fi
}

port_in_use() {
    if [ -r /proc/net/tcp ]; then
        find_listeners
        [ -n "$inodes" ]
    else
        lsof -nP "-iTCP:$port" -sTCP:LISTEN -t >/dev/null 2>&1
    fi
}

# Returns whether the stub of QEMU, process $1, listens.
listening() {
    local inode descriptors process
    if [ -n "$socket" ]; then
        socket_listens
        return
    elif [ ! -r /proc/net/tcp ]; then
        lsof -nP -a -p "$1" "-iTCP:$port" -sTCP:LISTEN -t >/dev/null 2>&1
        return
    fi
    find_listeners
    [ -n "$inodes" ] || return
    # The socket must belong to QEMU, or to its child if $QEMU is a script: another program may have taken the port meanwhile.
    descriptors=$(for process in "$1" $(cat "/proc/$1/task/$1/children"); do ls -l "/proc/$process/fd"; done 2>/dev/null)
    for inode in $inodes; do
        case $descriptors in *"socket:[$inode]"*) return 0 ;; esac
    done
    return 1
}

# Sleeps 2 ms without a new process, if stdin is a pipe that stays open and bash is 4 or later. Otherwise runs sleep.
nap() {
    local status=0
    read -r -t 0.002 _ 2>/dev/null || status=$?
    [ "$status" -gt 128 ] || sleep 0.01
}

# Waits until the stub of QEMU, process $1, listens. QEMU does not report it, so this polls.
await_stub() {
    local deadline=$((SECONDS + 30))
    until listening "$1"; do
        if ! kill -0 "$1" 2>/dev/null; then
            say "QEMU ended before GDB could connect to $where: see above"
            [ -n "$socket" ] || ! port_in_use || say "port $port was taken meanwhile; try: another port with --port N"
            return 1
        elif [ "$SECONDS" -ge "$deadline" ]; then
            say "QEMU did not listen on $where within 30 seconds. Is this computer overloaded?"
            return 1
        fi
        nap
    done
}
