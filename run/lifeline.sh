# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# For --reverse: kills QEMU when the foreground process exits, however that ends: quit, kill -9, a closed terminal. The other modes
# leave that to cargo debug. Sourced by run.sh.
#
#   front     the foreground process: run.sh as GDB's parent. Only it holds the write end of the lifeline, a pipe
#   keeper    reads the lifeline; makes the private folder; at the end kills the guardian's group and removes all files
#   guardian  starts QEMU; tells the keeper when QEMU listens and how it ended
#
# Keeper and guardian each lead a process group: Ctrl-C in GDB does not reach them, nor does a kill of the front's group. QEMU
# is in the guardian's group, so one kill ends both. The keeper reads events as lines from the lifeline: `listening`,
# `ended STATUS`, `lost` (the guardian ended and could not send `ended`), `gdb PROCESS` and `quit` (from the front).
#
# File descriptors:
#   front     8 reads the keeper's reports; 9 is the lifeline
#   keeper    1 is for reports; 3 is the front's stdout; 5 reaches its end when the guardian's group has ended; 6 tells the
#             guardian's group that the keeper lives; 7 reads the lifeline
#   guardian  3 is the front's stdout; 4 is the other end of the keeper's 5; 5 and 6 are a monitor (recording.sh); 7 is for
#             naps (stub.sh); 8 shows that it lives: only the guardian holds it, its background processes close it

# Starts the keeper. Returns when the lifeline is open.
start_keeper() {
    private=''
    [ -d /dev/fd/ ] || fail "/dev/fd does not exist: is /proc mounted? try: mount -t proc proc /proc"
    start_keeper_on </dev/null
    # The keeper sends empty lines to find out whether the front lives.
    while [ -z "$private" ]; do read -r private <&8 || exit 2; done
    exec 9>"$private/lifeline"
    echo here >&9
}

# Starts the keeper in its own process group, before it makes any file: a kill of the front's group does not reach it.
start_keeper_on() {
    exec 3>&1
    exec 8< <(
        set -m
        keep <&0 &
        exec </dev/null >&- 3>&-
        wait
    )
    exec 3>&-
}

# Starts QEMU under a guardian. Returns when GDB can connect; exits if QEMU does not start.
start_guarded() {
    local report=''
    start_keeper
    read -r report <&8 || fail "the process that looks after QEMU was killed, so QEMU was stopped"
    [ "$report" = listening ] || exit 2
}

# The keeper.
keep() {
    local guardian teller event debugger='' status=2
    trap '' PIPE TTOU HUP INT TERM
    clear_left
    make_private
    await_front
    # Opened here: the guardian holds it from its first moment. A child that opens it itself may be later than tell_loss.
    exec 8>"$private/guarded"
    set -m
    guard <&0 4>"$private/alive" 5<&- 6<&- 7<&- &
    guardian=$!
    set +m
    exec 8>&-
    disown "$guardian" # otherwise bash prints a message when it is killed
    tell_loss <"$private/guarded" >/dev/null 3>&- 4>&- 5<&- 6<&- 7<&- &
    teller=$!
    exec 4>&-
    while read -r event; do
        case $event in
            listening) echo listening 2>/dev/null || : ;;
            'ended '*)
                status=${event#ended }
                end_guardian "$guardian"
                echo "$status" 2>/dev/null || : # last: when run.sh ends, everything is cleaned up
                ;;
            lost)
                if [ -d "$private" ]; then
                    end_guardian "$guardian"
                    say "the process that guards QEMU ended unexpectedly, so QEMU was stopped"
                    echo 2 2>/dev/null || :
                fi
                ;;
            'gdb '*) debugger=${event#gdb } ;;
            quit) debugger='' ;;
        esac
    done <&7
    end_guardian "$guardian"
    [ -z "$debugger" ] || end_gdb "$debugger"
}

# Makes a private folder with the pipes in it, and sets `private` to it.
make_private() {
    if private=$(mktemp -d "$temporary/run.sh.XXXXXX"); then
        if owner >"$private/owner" && mkfifo "$private"/{lifeline,alive,guarded,keeper,nap}; then
            return
        fi
        rm -rf "$private"
    fi
    fail "cannot write to $temporary, see above; try: TMPDIR=FOLDER with another folder"
}

# Opens the lifeline after the front has opened it.
await_front() {
    exec 5<>"$private/lifeline" # read and write: opening one end alone would wait for the other
    echo "$private" 2>/dev/null || :
    until read -r -t 1 _ <&5; do
        # The front has not opened the lifeline yet. If the front has died, this echo fails, because its pipe has no reader.
        echo 2>/dev/null || {
            rm -rf "$private"
            exit
        }
    done
    exec 7<"$private/lifeline" 5>&-
    exec 4<>"$private/alive" 6<>"$private/keeper"
    exec 5<"$private/alive" 4<>"$private/guarded"
}

# Reads a pipe that only the guardian holds: its end means that the guardian ended, even by SIGKILL.
tell_loss() {
    read -r _ || :
    tell lost
}

# Ends everything that the guardian $1 started, and removes the files.
end_guardian() {
    [ -d "$private" ] || return 0
    kill -KILL -- "-$1" 2>/dev/null || :
    # Wait until all of them have ended: a process that is being killed may still make a file.
    read -r -t 5 _ <&5 || :
    wait "$teller" 2>/dev/null || : # otherwise it might write a file while the folder is being removed
    [ -z "$socket" ] || remove_socket
    rm -rf "$private"
}

# If somebody still listens after a process has had time to end, the socket belongs to another program by now.
remove_socket() {
    local deadline=$((SECONDS + 2))
    while socket_listens; do
        [ "$SECONDS" -lt "$deadline" ] || return 0
        sleep 0.01
    done
    rm -f "$socket"
}

# Ends a GDB whose front was killed. GDB may be busy and not react to SIGTERM.
end_gdb() {
    local deadline=$((SECONDS + 2))
    kill -TERM "$1" 2>/dev/null || return 0
    while kill -0 "$1" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || kill -KILL "$1" 2>/dev/null || :
        sleep 0.02
    done
}

# Sends a line to the keeper. The pipe is opened for read and write: otherwise this would wait for a keeper that was killed.
tell() { echo "$*" 1<>"$private/lifeline"; }

# Ends the guardian's group when the keeper ends, even by SIGKILL.
watch_keeper() {
    trap - HUP INT TERM
    {
        read -r _ <"$private/keeper" || :
        kill -KILL 0
    } </dev/null >/dev/null 3>&- 4>&- 8>&- &
}

# The guardian.
guard() {
    local status=0
    exec 7<>"$private/nap" >/dev/null
    watch_keeper
    if record; then
        open_monitor replay
        qemu_command replay
    else
        tell ended 2
        return
    fi
    show "${machine_line[@]}"
    launch 2
    if ! await_stub "$machine" <&7 || ! seek_origin; then
        tell ended 2
        return
    fi
    tell listening
    exec 2>/dev/null # bash would print there that QEMU was killed
    wait "$machine" || status=$?
    tell ended "$status"
}

# Starts `machine_line`. Its console is descriptor $1, because GDB uses the terminal. Sets `machine` to its PID.
launch() {
    become_machine </dev/null >&"$1" 3>&- 5>&- 6>&- 7<&- 8>&- 9>&- &
    machine=$!
}

end_machine() { kill -KILL "$machine" 2>/dev/null || :; }
