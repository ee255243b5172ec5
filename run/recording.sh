# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# Makes the recording that --reverse replays: QEMU can only go back in a recording. Sourced by run.sh; the guardian runs it, in
# the private folder.
#
# The history starts with a snapshot one instruction before the kernel. To go back, QEMU loads a snapshot and runs on from it.
# QEMU 7.2 restores the machine's timer wrongly: if the firmware then sets that timer, QEMU hangs when the replay reaches the
# point where it went back. After the firmware only the kernel could set the timer. So a history from reset on would be worse.

entry_seconds=20 # time limit to reach the kernel's entry, and for a reply of QEMU's monitor
idle_seconds=3   # time limit from there until the kernel idles

# Adds to QEMU's command line what records ($1 = record) or replays.
add_recording() {
    local files=${private//,/,,}
    # 2^7 ns per instruction: QEMU handles signals once in 2^31 ns, and 2^24 instructions take little enough time.
    machine_line+=(-icount "shift=7,rr=$1,rrfile=$files/recording,rrsnapshot=init"
        -drive "file=$files/snapshots,if=none,id=rr,cache=unsafe" -net none -monitor "pipe:$private/$1")
}

# Records the boot until the kernel idles or powers off.
record() {
    local status=0
    qemu-img create -q -f qcow2 "$private/snapshots" 1M >&2 || return
    open_monitor record
    qemu_command record
    show "${machine_line[@]}"
    file_blocks=1048576 # 1 GiB: a snapshot holds the machine's memory, and the recording holds each trap
    launch 9 9>/dev/null 2>"$private/errors"
    find_entry
    [ -z "$entry_count" ] || await_idle
    end_recording || status=$?
    if [ "$status" != 0 ]; then
        say "QEMU could not record the boot: $(cat "$private/errors")"
    elif [ -z "$entry_count" ]; then
        say "QEMU did not reach the kernel's entry, $(entry_address), within $entry_seconds seconds, so nothing was recorded." \
            "Is the entry at 0x80200000, where the firmware jumps? Is this computer busy?"
        status=2
    fi
    return "$status"
}

# Prints the kernel's entry: bytes 24 to 31 of the ELF header.
entry_address() { od -A n -t x8 -j 24 -N 8 "$kernel" | sed 's/ */0x/'; }

# Sets `entry_count` to the number of instructions before the kernel's entry: GDB runs to the entry and asks QEMU. Empty if GDB
# does not get there in time.
find_entry() {
    local process deadline=$((SECONDS + entry_seconds)) said
    until [ -S "$private/stub" ] || ! kill -0 "$machine" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; do sleep 0.02; done
    "$GDB" -nx -batch -iex 'set architecture riscv:rv64' -iex 'set osabi none' -ex "target remote $private/stub" \
        -ex "tbreak *$(entry_address)" -ex continue -ex 'monitor info replay' \
        </dev/null >"$private/entry" 2>&1 3>&- 5>&- 6>&- 7<&- 8>&- &
    process=$!
    disown "$process"
    while kill -0 "$process" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.02; done
    kill -KILL "$process" 2>/dev/null || :
    said=$(cat "$private/entry")
    entry_count=$(count_in "$said")
}

# The kernel idles when the number of instructions stays the same. While a kernel is busy, QEMU may not reply at all.
await_idle() {
    local count before='' same=0 deadline=$((SECONDS + idle_seconds))
    while [ "$same" -lt 4 ] && kill -0 "$machine" 2>/dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "the kernel does not idle after $idle_seconds seconds: recorded until here"
            return
        fi
        sleep 0.1
        ask 'info replay' 1
        count=$(count_in "$answer")
        if [ -n "$count" ] && [ "$count" = "$before" ]; then same=$((same + 1)); else same=0; fi
        before=$count
    done
}

# On SIGTERM QEMU completes its recording and exits with status 0.
end_recording() {
    local deadline=$((SECONDS + 30))
    kill -TERM "$machine" 2>/dev/null || :
    while kill -0 "$machine" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || end_machine
        sleep 0.02
    done
    wait "$machine" 2>/dev/null
}

# Takes the replay, which stands at reset, to where history begins, and leaves two snapshots: one there and one at the
# kernel's entry. Where reverse-continue meets no breakpoint, QEMU goes to the instruction before the second snapshot, and
# stops there for want of one before the first. The snapshot of reset therefore goes.
seek_origin() {
    local origin=$((entry_count - 1))
    if save_at "$origin" origin && save_at "$entry_count" entry && seek "$origin"; then
        ask 'delvm init'
    else
        say "QEMU's replay did not reach the kernel's entry, $(entry_address), and take a snapshot there within" \
            "$entry_seconds seconds. Is this computer busy?"
        return 1
    fi
}

# Takes a snapshot named $2 after $1 instructions.
save_at() {
    seek "$1" || return
    ask "savevm $2"
    ask 'info snapshots'
    case $answer in *" $2 "*) ;; *) return 1 ;; esac
}

# Runs the replay until it has executed $1 instructions, and stops it there.
seek() {
    local deadline=$((SECONDS + entry_seconds))
    ask "replay_seek $1"
    until [ "$(count_in "$answer")" = "$1" ] && [ "$answer" != "${answer%VM status: paused*}" ]; do
        [ "$SECONDS" -lt "$deadline" ] || return
        sleep 0.02
        ask 'info replay'
    done
}

# Opens a pair of pipes. Each QEMU gets its own, so that it does not read what another left unread.
open_monitor() {
    mkfifo "$private/$1.in" "$private/$1.out"
    exec 5<>"$private/$1.in" 6<>"$private/$1.out"
}

# Sets `answer` to the reply of QEMU's monitor to command $1. It also asks for the machine's status and waits for that, because
# some commands print nothing. Gives up after $2 seconds without a line; then `answer` is incomplete.
ask() {
    local line patience=${2:-$entry_seconds}
    answer=''
    printf '%s\ninfo status\n' "$1" >&5
    while read -r -t "$patience" line <&6; do
        answer+=$line
        case $line in *'VM status: '*) return ;; esac
    done
}

# Prints the number of instructions in the monitor's reply $1 to `info replay`; nothing if it has none.
count_in() { printf '%s' "$1" | sed -n 's/.*instruction count = \([0-9]*\).*/\1/p'; }
