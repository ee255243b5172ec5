# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# The recording that --reverse replays: QEMU goes back only in what it has recorded. Sourced by run.sh; runs in the
# guardian, in the private folder.
#
# The history begins at the kernel's entry, with a snapshot there. To go back is to load a snapshot and to run on from it,
# and QEMU 7.2 gets the machine's timer wrong when it loads one: as the firmware then sets that timer once more, QEMU hangs
# as soon as the replay comes to where it went back from. From the kernel's entry on nothing sets it, unless the kernel.

record_seconds=3 # for the way to the kernel's entry, and again for a kernel that never idles

# Records the boot until the kernel idles or powers off. Sets `origin`, the snapshot to start the replay from.
record() {
    local status=0
    qemu-img create -q -f qcow2 "$private/snapshots" 1M >&2 || return
    mkfifo "$private/monitor.in" "$private/monitor.out"
    qemu_command record
    show "${qemu[@]}"
    file_blocks=1048576 # 1 GiB: a snapshot holds the machine's memory, the recording each trap
    launch 3 3>/dev/null 2>"$private/errors"
    unset file_blocks
    exec 5<>"$private/monitor.in" 6<>"$private/monitor.out"
    snapshot_at_entry
    await_idle
    exec 5>&- 6>&-
    end_recording || status=$?
    end_watchers
    [ "$status" = 0 ] || say "QEMU could not record the boot: $(cat "$private/errors")"
    choose_origin
    return "$status"
}

# Its address stands in the ELF header, in bytes 24 to 31.
kernel_entry() { od -A n -t x8 -j 24 -N 8 "$kernel" | sed 's/ */0x/'; }

# GDB takes the machine there.
snapshot_at_entry() {
    local process deadline=$((SECONDS + record_seconds))
    until [ -S "$private/stub" ] || ! kill -0 "$machine" 2>/dev/null; do sleep 0.02; done
    "$GDB" -nx -batch -iex 'set architecture riscv:rv64' -iex 'set osabi none' -ex "target remote $private/stub" \
        -ex "tbreak *$(kernel_entry)" -ex continue -ex 'monitor savevm entry' </dev/null >/dev/null 2>&1 4>&- 5>&- 6>&- 7<&- &
    process=$!
    disown "$process"
    while kill -0 "$process" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.02; done
    kill -KILL "$process" 2>/dev/null || :
}

# Idle is when the number of instructions stays the same. A kernel that never idles keeps QEMU from answering at all.
await_idle() {
    local count before='' same=0 deadline=$((SECONDS + record_seconds))
    while [ "$same" -lt 4 ] && kill -0 "$machine" 2>/dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "not idle after $record_seconds seconds: recorded that much"
            return
        fi
        ask_count
        if [ -n "$count" ] && [ "$count" = "$before" ]; then same=$((same + 1)); else same=0; fi
        before=$count
    done
}

# Sets `count` to the number of instructions recorded so far, to nothing where QEMU does not answer. Takes a tenth of a
# second, with bash 3 a second.
ask_count() {
    local line tick=0.1
    [ "${BASH_VERSINFO[0]}" -gt 3 ] || tick=1
    count=''
    echo 'info replay' >&5
    while read -r -t "$tick" line <&6; do
        case $line in *'count = '*) count=${line##*= } ;; esac
    done
}

# QEMU completes its recording on SIGTERM, with status 0.
end_recording() {
    local deadline=$((SECONDS + 30))
    kill -TERM "$machine" 2>/dev/null || :
    while kill -0 "$machine" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || end_machine
        sleep 0.02
    done
    wait "$machine" 2>/dev/null
}

# The snapshot from before the firmware goes where there is a better one: QEMU would take to it on the way back.
choose_origin() {
    origin=init
    case $(qemu-img snapshot -l "$private/snapshots") in
        *' entry '*) origin=entry && qemu-img snapshot -d init "$private/snapshots" ;;
        *) say "the kernel did not come to its entry: the replay starts at reset, and hangs when it goes on after going back" ;;
    esac
}
