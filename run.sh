#!/usr/bin/env bash
# Builds the kernel and starts the machine. QEMU's command line stands here (qemu_command) and nowhere else.
# Bash 3.2 is enough, because macOS has no newer one.
set -eu

target=riscv64gc-unknown-none-elf
default_port=1234

usage() {
    cat <<'END'
Usage: ./run.sh [MODE] [OPTIONS]

Modes
  (none)       build the kernel and boot it in QEMU; Ctrl-A X leaves
  --firmware   boot OpenSBI alone, no kernel (QEMU=qemu-system-riscv32 for the 32-bit one)
  --debug      boot it under GDB, stopped before its first instruction; what follows `--` goes to GDB
  --wait       boot it stopped, and wait for a GDB, VS Code or another debugger to attach
  --build      build the kernel and copy it to hypervisor.elf, nothing else

Options
  --port N       GDB's port, 1234 by default (--debug, --wait)
  --socket PATH  a Unix socket in place of the port (--debug, --wait)
  --tied         end QEMU when standard input ends, for programs that start it (--wait)
  --kernel ELF   boot that ELF instead of building ours

Environment
  QEMU, GDB      the programs to use
  QEMU_LOG       where QEMU logs traps and guest errors, qemu.log by default; at most 64 MiB
  NO_INSTALL=1   install nothing: say what is missing and exit 2

Examples
  ./run.sh --debug -- -ex check-boot
  ./run.sh --wait --port 4321
  QEMU_LOG=traps.log ./run.sh --kernel my-kernel.elf

Exit status: that of QEMU or GDB; 2 where they could not be started.
END
}

say() { printf '%s\n' "run.sh: $*" >&2; }

fail() {
    say "$@"
    exit 2
}

# For mistakes in the arguments.
misused() {
    say "$@"
    usage >&2
    exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# Prints a command on stderr such that it can be pasted into a shell.
show() {
    local word line=+
    for word; do
        case $word in
            *[!A-Za-z0-9_./:=,+@%-]* | '') line+=" '${word//\'/\'\\\'\'}'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '%s\n' "$line" >&2
}

run() {
    show "$@"
    "$@"
}

# A path as the caller meant it, before we leave the caller's folder.
absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac; }

set_mode() {
    [ "$mode" = boot ] || misused "--$mode and --$1 exclude each other"
    mode=$1
}

parse() {
    mode=boot port='' socket='' kernel='' tied='' arguments=()
    while [ $# -gt 0 ]; do
        case $1 in
            --firmware | --debug | --wait | --build) set_mode "${1#--}" ;;
            --tied) tied=yes ;;
            --port | --socket | --kernel)
                [ -n "${2:-}" ] || misused "$1 needs a value"
                case $1 in
                    --port) port=$2 ;;
                    --socket) socket=$(absolute "$2") ;;
                    --kernel) kernel=$(absolute "$2") ;;
                esac
                shift
                ;;
            -h | --help)
                usage
                exit 0
                ;;
            --)
                [ "$mode" = debug ] || misused "only --debug takes arguments after --"
                shift
                arguments=("$@")
                break
                ;;
            *) misused "unknown option $1" ;;
        esac
        shift
    done
    check_options
}

check_options() {
    case $mode in
        debug | wait) ;;
        *) [ -z "$port$socket" ] || misused "--port and --socket need --debug or --wait" ;;
    esac
    [ -z "$tied" ] || [ "$mode" = wait ] || misused "--tied needs --wait"
    [ -z "$port" ] || [ -z "$socket" ] || misused "--port and --socket exclude each other"
    [ "$mode" != firmware ] || [ -z "$kernel" ] || misused "--firmware boots no kernel: leave out --kernel"
    [ "$mode" != build ] || [ -z "$kernel" ] || misused "--build builds our kernel: leave out --kernel"
    [ -z "$kernel" ] || [ -f "$kernel" ] || fail "no file $kernel: --kernel needs a RISC-V ELF"
    port=${port:-$default_port}
    case $port in
        *[!0-9]* | ??????* | 0*) misused "--port $port: a number from 1 to 65535 is needed" ;;
    esac
    [ "$port" -le 65535 ] || misused "--port $port: a number from 1 to 65535 is needed"
}

# Builds the kernel; hypervisor.elf is replaced in one step, as another run.sh may be reading it.
build() {
    local command artifacts
    [ -z "$kernel" ] || return 0
    command=(cargo build -p kernel --target "$target" --message-format json-render-diagnostics)
    show "${command[@]}"
    artifacts=$("${command[@]}") || fail "the kernel did not build: see above"
    artifacts=${artifacts##*\"executable\":\"}
    cp "${artifacts%%\"*}" "hypervisor.elf.$$"
    mv -f "hypervisor.elf.$$" hypervisor.elf
    kernel=hypervisor.elf
}

# The one place that knows QEMU's command line; every mode takes it from here.
qemu_command() {
    if [ "$mode" = firmware ]; then
        qemu=("$QEMU" -machine virt -bios default -nographic -serial mon:stdio --no-reboot)
        return
    fi
    # shellcheck disable=SC2054 # QEMU's commas
    qemu=("$QEMU" -machine virt -cpu rv64 -bios default -smp 1 -m 128M -nographic
        -d cpu_reset,unimp,guest_errors,int -D "$log" -serial mon:stdio --no-reboot -kernel "$kernel")
    case $mode in
        debug | wait)
            if [ -n "$socket" ]; then
                where=unix:$socket
                qemu+=(-gdb "unix:${socket//,/,,},server=on,wait=off" -S)
            else
                # For 1234 this is -s, but -s itself listens on all interfaces.
                where=127.0.0.1:$port
                qemu+=(-gdb "tcp:127.0.0.1:$port" -S)
            fi
            ;;
    esac
}

# Becomes QEMU. A kernel that traps for ever logs 50 MB a second: past 64 MiB QEMU's writes fail, and it goes on.
become_qemu() {
    trap '' XFSZ
    ulimit -f 65536
    exec "${qemu[@]}"
}

# Listeners on the port, one inode each.
tcp_listeners() {
    local wanted local_address state inode
    printf -v wanted ':%04X' "$port"
    while read -r _ local_address _ state _ _ _ _ _ inode _; do
        case $local_address$state in *"${wanted}0A") printf '%s\n' "$inode" ;; esac
    done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
}

port_in_use() {
    if [ -n "$socket" ]; then
        [ -e "$socket" ] && [ ! -S "$socket" ]
    elif [ -r /proc/net/tcp ]; then
        [ -n "$(tcp_listeners)" ]
    else
        lsof -nP "-iTCP:$port" -sTCP:LISTEN -t >/dev/null 2>&1
    fi
}

explain_port_in_use() {
    if [ -n "$socket" ]; then
        say "$socket exists and is no socket: choose another --socket PATH"
    else
        say "port $port is in use by another program: end that one, or choose another with --port N"
    fi
}

# Whether the stub of that QEMU listens. Nothing connects to find out: that would be its one client.
listening() {
    local inode
    if [ -n "$socket" ]; then
        [ -S "$socket" ]
    elif [ -r /proc/net/tcp ]; then
        for inode in $(tcp_listeners); do
            case $(ls -l "/proc/$1/fd" 2>/dev/null) in *"socket:[$inode]"*) return 0 ;; esac
        done
        return 1
    else
        lsof -nP -a -p "$1" "-iTCP:$port" -sTCP:LISTEN -t >/dev/null 2>&1
    fi
}

# 5 ms, without starting a process where bash can (read takes fractions from bash 4 on, and its input must stay open).
nap() {
    local status=0
    read -r -t 0.005 _ 2>/dev/null || status=$?
    [ "$status" -gt 128 ] || sleep 0.01
}

# QEMU announces its stub in no way, so this looks again and again.
await_stub() {
    local deadline=$((SECONDS + 10))
    until listening "$1"; do
        if ! kill -0 "$1" 2>/dev/null; then
            say "QEMU ended before its GDB stub listened on $where: see above"
            ! port_in_use || explain_port_in_use
            return 1
        elif [ "$SECONDS" -ge "$deadline" ]; then
            say "QEMU did not listen on $where within 10 seconds"
            return 1
        fi
        nap
    done
}

announce() {
    printf 'waiting for GDB on %s\n' "$where"
    say "attach with: ${GDB:-gdb-multiarch} -x .gdbinit $kernel, or in any RISC-V GDB: target remote ${where#unix:}"
}

# Reads until the other side's last holder is gone, however it went, and takes QEMU with it.
watch() {
    while read -r _; do :; done
    kill -KILL -- "-$machine" 2>/dev/null
}

# The guardian: keeps QEMU while the front lives. The front (run.sh, then GDB) alone holds the write end of the lifeline;
# at its end-of-file QEMU is killed. All of this is in process groups of its own, out of reach of what hits the front's.
# File descriptors: 7 the lifeline, 4 the report to the front.
guard() {
    local status=0 watchers
    trap '' PIPE # the front may be gone when we report
    set -m
    if [ "$mode" = debug ]; then
        become_qemu </dev/null >&2 4>&- 7<&- &
    else
        become_qemu </dev/null 4>&- 7<&- &
    fi
    machine=$!
    watch <&7 >/dev/null 4>&- &
    watchers=$!
    if [ -n "$tied" ]; then
        watch <&0 >/dev/null 4>&- &
        watchers="$watchers $!"
    fi
    set +m
    if await_stub "$machine" <&7; then echo listening >&4; else kill -KILL -- "-$machine" 2>/dev/null || :; fi
    exec 2>/dev/null # bash would tell of each process that it sees killed
    wait "$machine" || status=$?
    # shellcheck disable=SC2086 # one word each
    kill -KILL $watchers || :
    echo "$status" >&4 || :
    rm -rf "$private" ${socket:+"$socket"}
}

# Starts the guardian, and returns when GDB can connect.
start_guarded() {
    local report
    private=$(mktemp -d "${TMPDIR:-/tmp}/run.sh.XXXXXX")
    mkfifo "$private/lifeline" "$private/report"
    exec 5<>"$private/lifeline" 6<>"$private/report" # both ways: neither waits for the other end
    # shellcheck disable=SC2094 # a pipe's two ends
    exec 7<"$private/lifeline" 9>"$private/lifeline" 8<"$private/report" 4>"$private/report" 5>&- 6>&-
    show "${qemu[@]}"
    set -m
    guard <&0 8<&- 9>&- &
    set +m
    exec 4>&- 7<&-
    read -r report <&8 && [ "$report" = listening ] || exit 2
}

mode_wait() {
    local status
    if [ -n "$tied" ]; then
        start_guarded
        announce
        read -r status <&8 || status=2
        exit "$status"
    fi
    # Becomes QEMU, so that its console is the terminal's. The announcer is nobody's child: nobody would reap it.
    (await_stub $$ </dev/null && announce &)
    show "${qemu[@]}"
    become_qemu
}

mode_debug() {
    local gdb
    gdb=("${GDB:-gdb-multiarch}" -q -iex 'set auto-load local-gdbinit off')
    if [ -n "$socket" ]; then
        gdb+=(-iex "set \$debug_socket = \"$socket\"")
    else
        gdb+=(-iex "set \$debug_port = $port")
    fi
    if [ -f .gdbinit ]; then
        gdb+=(-x .gdbinit)
    else
        gdb+=(-ex "target remote ${where#unix:}")
    fi
    gdb+=("$kernel" ${arguments[@]+"${arguments[@]}"})
    start_guarded
    show "${gdb[@]}"
    exec "${gdb[@]}" 8<&-
}

main() {
    parse "$@"
    QEMU=${QEMU:-qemu-system-riscv64}
    log=qemu.log
    [ -z "${QEMU_LOG:-}" ] || log=$(absolute "$QEMU_LOG")
    cd "$(dirname "${BASH_SOURCE[0]}")"
    [ "$mode" = firmware ] || build
    [ "$mode" != build ] || exit 0
    qemu_command
    case $mode in debug | wait) if port_in_use; then explain_port_in_use; exit 2; fi ;; esac
    case $mode in
        boot | firmware)
            show "${qemu[@]}"
            become_qemu
            ;;
        wait) mode_wait ;;
        debug) mode_debug ;;
    esac
}

main "$@"
