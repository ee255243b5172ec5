# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# QEMU in the background that ends with its front, whoever ends the front, and how: quit, kill -9, a closed terminal.
# Sourced by run.sh.
#
#   front     run.sh, which then becomes GDB; alone holds the write end of the lifeline, a pipe
#   guardian  starts QEMU and its watchers, tells the front when QEMU listens and how it ended, tidies up
#   watcher   reads the lifeline; at its end, when the front is gone, kills QEMU
#
# Guardian, watchers and QEMU are in process groups of their own: neither Ctrl-C in GDB nor what kills the front's whole
# group reaches them. Descriptors: 7 and 9 are the lifeline's ends, 8 and 4 the report's, 5 and 6 a
# monitor's (recording.sh).

# Starts the guardian and returns when GDB can connect; exits where that did not come about.
start_guarded() {
    local report folder=${TMPDIR:-/tmp}
    [ "${#folder}" -lt 80 ] || folder=/tmp # a socket's path has to be short
    private=$(mktemp -d "$folder/run.sh.XXXXXX")
    if [ -n "$hidden" ]; then
        socket=$private/gdb log=$private/qemu.log where=unix:$private/gdb
    fi
    mkfifo "$private/lifeline" "$private/report"
    exec 5<>"$private/lifeline" 6<>"$private/report" # both ways: to open one end would wait for the other
    # shellcheck disable=SC2094 # pipes
    exec 7<"$private/lifeline" 9>"$private/lifeline" 8<"$private/report" 4>"$private/report" 5>&- 6>&-
    set -m
    guard <&0 8<&- 9>&- &
    set +m
    exec 4>&- 7<&-
    read -r report <&8 || exit 2
    [ "$report" = listening ] || exit 2
}

# The guardian.
guard() {
    local status=0 console=2
    [ "$mode" != wait ] || console=1
    trap '' PIPE TTOU # the front may be gone when we report, the terminal may be GDB's when we write
    if [ "$mode" != reverse ]; then
        machine_command
    elif record; then
        open_monitor replay
        qemu_command replay
    else
        rm -rf "$private"
        return
    fi
    show "${machine_line[@]}"
    launch "$console"
    if await_stub "$machine" <&7 && { [ "$mode" != reverse ] || seek_origin; }; then
        echo listening >&4
    else
        end_machine
    fi
    exec 2>/dev/null # where bash tells that QEMU was killed
    wait "$machine" || status=$?
    end_watchers
    rm -rf "$private" ${socket:+"$socket"}
    echo "$status" >&4 || : # last: when run.sh ends, all of it is gone
}

# Starts `machine_line` in a process group of its own, with the watchers over it. Its console is descriptor $1, as the terminal is
# GDB's. Sets `machine`, its process and group.
launch() {
    set -m
    become_machine </dev/null >&"$1" 4>&- 5>&- 6>&- 7<&- &
    machine=$!
    set +m
    watch <&7 >/dev/null 4>&- 5>&- 6>&- &
    watchers=$!
    disown "$!" # else bash tells when it is killed
    [ -n "$tied" ] || return 0
    watch <&0 >/dev/null 4>&- 5>&- 6>&- &
    watchers+=" $!"
    disown "$!"
}

watch() {
    while read -r _; do :; done
    end_machine
}

end_machine() { kill -KILL -- "-$machine" 2>/dev/null || :; }

# shellcheck disable=SC2086 # words
end_watchers() { kill -KILL $watchers 2>/dev/null || :; }
