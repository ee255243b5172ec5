# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# The recording that --reverse replays: QEMU goes back only in what it has recorded. Sourced by run.sh; runs in the
# guardian, in the private folder.

record_seconds=5

# Records the boot until the kernel idles: no more instructions. One that never does is recorded for record_seconds.
record() {
    local count='' before still=0 status=0 deadline=$((SECONDS + record_seconds))
    qemu-img create -q -f qcow2 "$private/snapshot.qcow2" 1M >&2 || return
    mkfifo "$private/monitor.in" "$private/monitor.out"
    qemu_command record
    file_blocks=1048576 # a snapshot may be as large as the machine's memory
    launch 3 3>/dev/null
    unset file_blocks
    exec 5<>"$private/monitor.in" 6<>"$private/monitor.out"
    while [ "$still" -lt 4 ] && [ "$SECONDS" -lt "$deadline" ] && kill -0 "$machine" 2>/dev/null; do
        before=$count
        ask_count
        if [ -n "$count" ] && [ "$count" = "$before" ]; then still=$((still + 1)); else still=0; fi
    done
    [ "$still" -ge 4 ] || say "not idle after $record_seconds seconds: recorded these"
    echo quit >&5
    exec 5>&- 6>&-
    wait "$machine" || status=$?
    end_watchers
    [ "$status" = 0 ] || say "QEMU could not record the boot: see above"
    return "$status"
}

# Sets `count` to the number of instructions recorded so far. Takes a tenth of a second (bash 3: a second).
ask_count() {
    local line tick=0.1
    [ "${BASH_VERSINFO[0]}" -gt 3 ] || tick=1
    echo 'info replay' >&5
    while read -r -t "$tick" line <&6; do
        case $line in *'count = '*) count=${line##*= } ;; esac
    done
}
