# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# QEMU in the background that ends with its front, whoever ends the front, and how: quit, kill -9, a closed terminal.
# Sourced by run.sh.
#
#   front     run.sh, GDB's parent or, with --wait, QEMU itself; alone holds the write end of the lifeline, a pipe
#   keeper    reads the lifeline; makes the private folder; at the end kills the guardian's group and removes all files
#   guardian  starts QEMU, and tells the keeper when it listens and how it ended
#
# Keeper and guardian lead process groups of their own: neither Ctrl-C in GDB nor what kills the front's whole group reaches
# them. QEMU is in the guardian's group, so that one kill ends all of it. What happens is told to the keeper in lines on the
# lifeline: `listening`, `ended STATUS`, `gone` (the standard input of --tied), `gdb PROCESS` and `quit` (the front).
#
# Descriptors. Front: 8 reads the keeper's reports, 9 is the lifeline. Keeper: 1 is for reports, 3 the front's standard
# output, 5 ends when the guardian's group has ended, 6 tells the guardian's group that the keeper lives, 7 reads the lifeline.
# Guardian: 3 as the keeper, 4 is the other end of the keeper's 5, 5 and 6 a monitor's (recording.sh), 7 for naps (stub.sh).

# Starts the keeper, which calls $1 as the guardian, and returns when the lifeline is in place.
start_keeper() {
    private=''
    [ -d /dev/fd/ ] || fail "there is no /dev/fd: is /proc mounted? try: mount -t proc proc /proc"
    if [ -z "$tied" ]; then start_keeper_on "$1" </dev/null; else start_keeper_on "$1"; fi
    # An empty line only asks whether the front lives.
    while [ -z "$private" ]; do read -r private <&8 || exit 2; done
    use_private
    exec 9>"$private/lifeline"
    echo here >&9
}

# The keeper is no child of a job that the front's group could lose, and makes nothing before it has a group of its own.
start_keeper_on() {
    exec 3>&1
    exec 8< <(
        set -m
        keep "$1" <&0 &
        exec </dev/null >&- 3>&-
        wait
    )
    exec 3>&-
}

# Starts QEMU under a guardian and returns when GDB can connect; exits where that did not come about.
start_guarded() {
    local report=''
    start_keeper guard
    read -r report <&8 || exit 2
    [ "$report" = listening ] || exit 2
}

use_private() { [ -z "$hidden" ] || { socket=$private/gdb log=$private/qemu.log where=unix:$private/gdb; }; }

# The keeper, with the guardian $1.
keep() {
    local guardian event debugger='' status=2
    trap '' PIPE TTOU HUP INT TERM
    clear_left
    make_private
    use_private
    await_front
    set -m
    "$1" <&0 4>"$private/alive" 5<&- 6<&- 7<&- &
    guardian=$!
    set +m
    disown "$guardian" # else bash tells when it is killed
    while read -r event; do
        case $event in
            listening) echo listening 2>/dev/null || : ;;
            'ended '*)
                status=${event#ended }
                end_guardian "$guardian"
                echo "$status" 2>/dev/null || : # last: when run.sh ends, all of it is gone
                ;;
            gone) break ;;
            'gdb '*) debugger=${event#gdb } ;;
            quit) debugger='' ;;
        esac
    done <&7
    end_guardian "$guardian"
    [ -z "$tied" ] || echo 137 2>/dev/null || : # as of a QEMU that was killed
    [ -z "$debugger" ] || end_gdb "$debugger"
}

# Sets `private` to a folder of our own, with the pipes in it.
make_private() {
    if private=$(mktemp -d "$temporary/run.sh.XXXXXX"); then
        if owner >"$private/owner" && mkfifo "$private/lifeline" "$private/alive" "$private/keeper" "$private/nap"; then
            return
        fi
        rm -rf "$private"
    fi
    fail "cannot write to $temporary: see above; try: TMPDIR=FOLDER, another one"
}

# Opens the lifeline, once the front has.
await_front() {
    exec 5<>"$private/lifeline" # both ways: to open one end would wait for the other
    echo "$private" 2>/dev/null || :
    until read -r -t 1 _ <&5; do
        # The front has not yet opened the lifeline. Where it never will, the pipe that it reads has no reader.
        echo 2>/dev/null || {
            rm -rf "$private"
            exit
        }
    done
    exec 7<"$private/lifeline" 5>&-
    exec 4<>"$private/alive" 6<>"$private/keeper"
    exec 5<"$private/alive" 4>&-
}

# Ends all that the guardian $1 has started, and removes the files.
end_guardian() {
    [ -d "$private" ] || return 0
    kill -KILL -- "-$1" 2>/dev/null || :
    # Until all of them have ended, as one that is being killed may still make a file.
    read -r -t 5 _ <&5 || :
    [ -z "$socket" ] || remove_socket
    rm -rf "$private"
}

# Where somebody listens for longer than a process takes to end, it is another's by now.
remove_socket() {
    local deadline=$((SECONDS + 2))
    while socket_listens; do
        [ "$SECONDS" -lt "$deadline" ] || return 0
        sleep 0.01
    done
    rm -f "$socket"
}

# Ends a GDB whose front was killed. It may be in the middle of something, and its terminal is not as it was.
end_gdb() {
    local deadline=$((SECONDS + 2))
    kill -TERM "$1" 2>/dev/null || return 0
    while kill -0 "$1" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || kill -KILL "$1" 2>/dev/null || :
        sleep 0.02
    done
}

# Tells the keeper, which always listens.
tell() { echo "$*" >"$private/lifeline"; }

# The guardian's group ends with the keeper, however that is killed; and with --tied, the keeper's work with standard input.
watch_keeper() {
    trap - HUP INT TERM
    {
        read -r _ <"$private/keeper" || :
        kill -KILL 0
    } </dev/null >/dev/null 3>&- 4>&- &
    [ -n "$tied" ] || return 0
    {
        while read -r _; do :; done
        tell gone
    } <&0 >/dev/null 3>&- &
}

# The guardian.
guard() {
    local status=0 console=2
    exec 7<>"$private/nap" >/dev/null
    [ "$mode" != wait ] || console=3
    watch_keeper
    if [ "$mode" != reverse ]; then
        machine_command
    elif record; then
        open_monitor replay
        qemu_command replay
    else
        tell ended 2
        return
    fi
    show "${machine_line[@]}"
    launch "$console"
    if ! await_stub "$machine" <&7 || { [ "$mode" = reverse ] && ! seek_origin; }; then
        tell ended 2
        return
    fi
    tell listening
    exec 2>/dev/null # where bash tells that QEMU was killed
    wait "$machine" || status=$?
    tell ended "$status"
}

# The guardian of a QEMU that is the front: it says how to attach, and is there for the files at the end.
guard_front() {
    exec 7<>"$private/nap"
    watch_keeper
    await_stub "$front" <&7 && announce >&3
}

# Starts `machine_line`. Its console is descriptor $1, as the terminal is GDB's. Sets `machine`, its process.
launch() {
    local input=/dev/null
    if [ -n "$hidden" ]; then
        input=$private/console # what is written there is typed; open both ways, so that it does not end
        mkfifo "$input"
    fi
    become_machine <>"$input" >&"$1" 3>&- 5>&- 6>&- 7<&- 9>&- &
    machine=$!
}

end_machine() { kill -KILL "$machine" 2>/dev/null || :; }
