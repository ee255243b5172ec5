#!/usr/bin/env bash
# Builds the kernel and starts the machine. QEMU's command line stands here (qemu_command) and nowhere else.
# Bash 3.2 is enough: macOS has no newer one.
set -eu

target=riscv64gc-unknown-none-elf
default_port=1234

usage() {
    cat <<'END'
Usage: ./run.sh [MODE] [OPTIONS]

Modes
  (none)               build the kernel and boot it in QEMU; Ctrl-A X leaves
  --firmware           boot OpenSBI alone, no kernel; QEMU=qemu-system-riscv32 boots the 32-bit one
  --debug [-- ARGS]    boot it under GDB, stopped before its first instruction; ARGS go to GDB
  --wait               boot it stopped, and wait for GDB, VS Code or another debugger; Ctrl-A X leaves
  --reverse [-- ARGS]  as --debug, over a recording of the boot: reverse-stepi, reverse-continue
  --check [ARGS]       a verdict on the boot: cargo debug check ARGS, on a fresh build
  --test [ARGS]        every test of the project; ARGS go to cargo test
  --test --fast        those that need neither QEMU nor GDB, in less than a minute
  --test --vscode      and F5 in VS Code itself, in a browser: downloads half a gigabyte
  --build              build the kernel and copy it to hypervisor.elf, nothing else

Options
  --kernel ELF         boot that ELF instead of building ours
  --example NAME       boot that kernel of debug/tests/kernels/variants.rs, each of which has a fault: corrupts-itself, say
  --port N             GDB's port, 1234 by default (--debug, --wait, --reverse)
  --socket PATH        a Unix socket in place of the port (--debug, --wait, --reverse)
  --smp N              a machine of N harts, 1 by default (QEMU)
  --cpu MODEL          QEMU's model of a hart, with its properties; rv64 by default
  --tied               QEMU ends when standard input does, for programs that start it (--wait)
  --embedded           no QEMU: a machine of our own, which can go back in time (--debug, --wait)
  --private            with --tied: a Unix socket and the log in a folder of their own, removed at the end
  -h, --help           this text

Environment
  QEMU, GDB            the programs to use
  QEMU_LOG             where QEMU logs traps and guest errors: qemu.log by default, 64 MiB at most
  NO_INSTALL=1         install nothing that is missing: say what it is, and exit 2; --debug does without QEMU

Examples
  ./run.sh --debug -- -ex check-boot         GDB with a command of its own
  ./run.sh --wait --port 4321                then, in a second terminal, the command that it prints
  ./run.sh --debug --embedded                reverse-stepi, reverse-continue; monitor help
  ./run.sh --kernel my.elf --check --format junit

Exit status: that of QEMU, GDB or the check; 1 where a test failed; 2 where something could not be started.
END
}

say() { printf '%s\n' "run.sh: $*" >&2; }

fail() {
    say "$@"
    exit 2
}

# For mistakes in the arguments.
usage_error() {
    usage >&2
    printf '\n' >&2
    fail "$@"
}

have() { command -v "$1" >/dev/null 2>&1; }

# Prints a command on stderr such that it can be pasted into a shell.
show() {
    local word line=+ quote="'" escaped="'\\''"
    for word; do
        case $word in
            *[!A-Za-z0-9_./:=,+@%-]* | '') line+=" '${word//$quote/$escaped}'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '%s\n' "$line" >&2
}

run() {
    show "$@"
    "$@"
}

# Sets the variable $1 to the path $2 as the caller means it: we leave the caller's folder.
absolute() { case $2 in /*) printf -v "$1" '%s' "$2" ;; *) printf -v "$1" '%s/%s' "$PWD" "$2" ;; esac; }

set_mode() {
    [ "$mode" = boot ] || usage_error "--$mode and --$1 exclude each other"
    mode=$1
}

parse() {
    mode=boot port='' socket='' kernel='' example='' harts=1 cpu=rv64 tied='' hidden='' vscode='' fast='' embedded='' arguments=()
    while [ $# -gt 0 ]; do
        case $1 in
            --firmware | --debug | --wait | --reverse | --build) set_mode "${1#--}" ;;
            --check | --test)
                set_mode "${1#--}"
                shift
                parse_passed_on "$@"
                break
                ;;
            --tied) tied=yes ;;
            --private) hidden=yes ;;
            --embedded) embedded=yes ;;
            --port | --socket | --example | --kernel | --smp | --cpu)
                [ -n "${2:-}" ] || usage_error "$1 needs a value"
                case $1 in
                    --port) port=$2 ;;
                    --example) example=$2 ;;
                    --smp) harts=$2 ;;
                    --cpu) cpu=$2 ;;
                    *) absolute "${1#--}" "$2" ;;
                esac
                shift
                ;;
            -h | --help)
                usage
                exit 0
                ;;
            --)
                case $mode in debug | reverse) ;; *) usage_error "what follows -- goes to GDB: --debug or --reverse" ;; esac
                shift
                arguments=("$@")
                break
                ;;
            *) usage_error "unknown option $1" ;;
        esac
        shift
    done
    check_options
}

# What follows --check or --test is not ours, but for --kernel, which all that boot have, and for --test's --vscode and --fast.
parse_passed_on() {
    while [ $# -gt 0 ]; do
        if [ "$mode $1" = 'check --kernel' ]; then
            [ -n "${2:-}" ] || usage_error "$1 needs a value"
            absolute kernel "$2"
            shift
        elif [ "$mode $1" = 'test --vscode' ]; then
            vscode=yes
        elif [ "$mode $1" = 'test --fast' ]; then
            fast=yes
        else
            arguments+=("$1")
        fi
        shift
    done
}

check_options() {
    case $mode in
        debug | wait | reverse) ;;
        *) [ -z "$port$socket" ] || usage_error "--port and --socket need --debug, --wait or --reverse" ;;
    esac
    case $mode in
        firmware | build | test) [ -z "$kernel" ] || usage_error "--$mode has no use for --kernel" ;;
    esac
    case $mode in
        debug | wait) ;;
        *) [ -z "$embedded" ] || usage_error "--embedded needs --debug or --wait" ;;
    esac
    [ -z "$tied" ] || [ "$mode" = wait ] || usage_error "--tied needs --wait"
    [ -z "$hidden" ] || [ -n "$tied" ] || usage_error "--private needs --tied: at QEMU's end its folder is removed"
    [ -z "$port" ] || [ -z "$socket" ] || usage_error "--port and --socket exclude each other"
    [ -z "$hidden" ] || [ -z "$port$socket" ] || usage_error "--private excludes --port and --socket"
    [ -z "$kernel" ] || [ -z "$example" ] || usage_error "--kernel and --example exclude each other"
    [ -z "$kernel" ] || [ -f "$kernel" ] || fail "no file $kernel: --kernel needs a RISC-V ELF"
    case $harts in
        *[!0-9]* | ????* | 0*) usage_error "--smp $harts: a number of harts from 1 to 512 is needed" ;;
    esac
    [ "$harts" -le 512 ] || usage_error "--smp $harts: a number of harts from 1 to 512 is needed"
    case $mode$embedded in
        boot | debug | wait) ;;
        *) [ "$harts" = 1 ] || usage_error "--smp is for QEMU, and needs a mode that boots a kernel; with --check it is the check's" ;;
    esac
    port=${port:-$default_port}
    case $port in
        *[!0-9]* | ??????* | 0*) usage_error "--port $port: a number from 1 to 65535 is needed" ;;
    esac
    [ "$port" -le 65535 ] || usage_error "--port $port: a number from 1 to 65535 is needed"
    where=127.0.0.1:$port
    [ -z "$socket" ] || where=unix:$socket
}

# Sets `machine_line` to QEMU's command line: the one place that knows it. $1, if any: record or replay.
qemu_command() {
    local files
    [ "${1:-}" = record ] || find_log
    machine_line=("$QEMU" -machine virt)
    if [ "$mode" = firmware ]; then
        machine_line+=(-bios default -nographic -serial mon:stdio --no-reboot)
        return
    fi
    machine_line+=(-cpu "$cpu" -bios default -smp "$harts" -m 128M -nographic)
    # shellcheck disable=SC2054 # QEMU's commas
    [ "${1:-}" = record ] || machine_line+=(-d cpu_reset,unimp,guest_errors,int -D "$log") # the replay logs it all again
    machine_line+=(-serial mon:stdio --no-reboot -kernel "$kernel")
    if [ -n "${1:-}" ]; then
        files=${private//,/,,}
        # 2^7 ns an instruction: QEMU hears signals once in 2^31 ns, and 2^24 instructions can be waited for.
        machine_line+=(-icount "shift=7,rr=$1,rrfile=$files/recording,rrsnapshot=init"
            -drive "file=$files/snapshots,if=none,id=rr,cache=unsafe" -net none -monitor "pipe:$private/$1")
    fi
    [ -z "$hidden" ] || machine_line+=(-action shutdown=pause) # a program looks at what it left; QEMU 7.2 ends all the same
    if [ "${1:-}" = record ]; then
        machine_line+=(-gdb "unix:$files/stub,server=on,wait=off" -S)
    elif [ "$mode" != boot ] && [ -n "$socket" ]; then
        machine_line+=(-gdb "unix:${socket//,/,,},server=on,wait=off" -S)
    elif [ "$mode" != boot ]; then
        machine_line+=(-gdb "tcp:127.0.0.1:$port" -S) # -s itself listens on all interfaces
    fi
}

# Sets `machine_line` to the command line of the machine that was chosen.
machine_command() {
    if [ -n "$embedded" ]; then embedded_command; else qemu_command; fi
}

# A kernel that traps for ever logs 50 MB a second: past 64 MiB QEMU's writes to a file fail, and it goes on.
become_machine() {
    trap '' XFSZ TTOU
    ulimit -S -f "${file_blocks:-65536}" 2>/dev/null || :
    if [ -n "$socket" ]; then
        [ -z "$log" ] || { : >>"$log"; } 2>/dev/null || : # for whoever may read the folder, unlike the socket
        umask 077
    fi
    exec "${machine_line[@]}"
}

# Sets `gdb` to GDB's command line. -x loads .gdbinit; by itself GDB declines to, and says so at length.
gdb_command() {
    gdb=("${GDB:-gdb-multiarch}" -q -iex 'set auto-load local-gdbinit off')
    if [ -n "$socket" ]; then
        gdb+=(-iex "set \$debug_socket = \"$socket\"")
    else
        gdb+=(-iex "set \$debug_port = $port")
    fi
    gdb+=(-x .gdbinit "$kernel")
}

# Prints the line that programs wait for, which the embedded machine prints itself, and for people how to go on.
announce() {
    [ -n "$embedded" ] || printf 'waiting for GDB on %s\n' "$where"
    [ -z "$hidden" ] || return 0 # a program's own, and no person's
    gdb_command
    say "attach from a second terminal, in $PWD:"
    show "${gdb[@]}"
    say "or in any RISC-V GDB: target remote ${where#unix:}"
}

mode_boot() {
    machine_command
    show "${machine_line[@]}"
    [ "$mode$ours" != bootyes ] || tell_of_console
    become_machine
}

mode_firmware() {
    local name=opensbi-riscv32-generic-fw_dynamic.bin folder there=''
    case ${QEMU##*/} in
        *riscv32*)
            while read -r folder; do [ ! -e "$folder/$name" ] || there=yes; done < <("$QEMU" -L help)
            [ -n "$there" ] || fail "QEMU's 32-bit firmware, $name, is not installed: Debian ships the riscv64 one only"
            ;;
    esac
    mode_boot
}

mode_wait() {
    local status
    [ -n "$hidden" ] || require_free
    if [ -n "$tied" ]; then
        start_guarded
        announce
        read -r status <&8 || status=2
        exit "$status"
    fi
    # This process becomes QEMU, so that its console is the terminal's.
    front=$$
    start_keeper guard_front
    exec 8<&-
    mode_boot
}

mode_debug() {
    local status=0
    require_free
    start_guarded
    gdb_command
    # Who gives GDB commands begins where the machine does; a person begins at the kernel's first instruction.
    if [ ${#arguments[@]} -gt 0 ]; then
        gdb+=("${arguments[@]}")
    elif [ "$mode" = debug ]; then
        gdb+=(-ex boot)
    fi
    show "${gdb[@]}"
    trap : INT QUIT # they are for GDB, and this process waits for it
    # GDB does not hold the lifeline: what it starts, and leaves behind, would hold it as well.
    # shellcheck disable=SC2016 # for sh
    sh -c 'echo "gdb $$" >&9; exec "$@" 8<&- 9>&-' sh "${gdb[@]}" || status=$?
    trap '' PIPE
    echo quit >&9
    exec 9>&-
    while read -r -t 10 _ <&8; do :; done # until the keeper has ended QEMU and removed its files
    exit "$status"
}

# cargo debug check, but in the caller's folder, where cargo would not find the project: relative paths mean that folder.
mode_check() {
    [ -z "$kernel" ] || arguments+=(--elf "$kernel")
    cargo_build --release --package debug
    set -- "$built" check ${arguments[@]+"${arguments[@]}"}
    cd "$caller"
    show "$@"
    exec "$@"
}

# Every step runs, so that one report tells all; the last lines name those that failed. But nothing runs without what it needs.
mode_test() {
    local failed=()
    if [ -n "$fast" ]; then
        test_fast
        return
    fi
    run debug/tests/vscode/install.sh || fail "nothing was tested, as this failed, see above: debug/tests/vscode/install.sh"
    step cargo fmt --all --check
    step cargo clippy --workspace --exclude kernel --all-targets -- -D warnings
    step cargo clippy --package kernel --target "$target" -- -D warnings
    step shellcheck --check-sourced run.sh run/*.sh .ci/{run,fresh,fresh-inside,prepare,table} .vscode/{check,gdb,gdb-dap,lldb-dap} \
        debug/tests/vscode/install.sh debug/tests/vscode/code-server/run.sh
    step cargo test --no-fail-fast --workspace --exclude kernel ${arguments[@]+"${arguments[@]}"}
    step env GDB="${CARGO_TARGET_DIR:-$PWD/target}/vscode/gdb" cargo test --no-fail-fast --package debug --test gdb --test serve # the newest GDB, too
    step env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --exclude kernel --no-deps
    [ -z "$vscode" ] || step debug/tests/vscode/code-server/run.sh
    tell_versions "${CARGO_TARGET_DIR:-$PWD/target}/vscode/gdb"
    [ ${#failed[@]} -gt 0 ] || return 0
    for step in "${failed[@]}"; do say "failed: $step"; done
    exit 1
}

# For the loop of editing: what needs neither QEMU nor GDB. cargo-nextest runs it faster, where it is installed.
test_fast() {
    local runner=test
    ! have cargo-nextest || runner='nextest run'
    # shellcheck disable=SC2086 # two words
    run cargo $runner --package debug --lib --test architecture --test image --test hostile_stub \
        ${arguments[@]+"${arguments[@]}"} || exit 1
}

step() { run "$@" || failed+=("$*"); }

# In the background of a script SIGINT is ignored, by all that it starts: the tests could interrupt nothing.
restore_sigint() {
    case $(trap -p INT) in
        *"''"*) ! env --default-signal=INT true 2>/dev/null || exec env --default-signal=INT,QUIT bash "${BASH_SOURCE[0]}" "$@" ;;
    esac
}

main() {
    parse "$@"
    [ "$mode" != test ] || restore_sigint "$@"
    QEMU=${QEMU:-qemu-system-riscv64}
    log=''
    [ -z "${QEMU_LOG:-}" ] || absolute log "$QEMU_LOG"
    for program in QEMU GDB; do
        case ${!program:-} in */*) absolute "$program" "${!program}" ;; esac
    done
    caller=$PWD
    for variable in TMPDIR CARGO_TARGET_DIR; do [ -z "${!variable:-}" ] || absolute "$variable" "${!variable}"; done
    script='' && absolute script "${BASH_SOURCE[0]}"
    cd "${script%/*}"
    export HYPERVISOR_PROJECT=$PWD # for cargo debug: not where it was compiled, but here
    . run/tools.sh
    . run/stub.sh
    . run/build.sh
    . run/console.sh
    . run/left.sh
    . run/lifeline.sh
    . run/recording.sh
    . run/embedded.sh
    . run/versions.sh
    find_temporary
    case $mode in
        build) ;;
        debug) need_machine gdb ;;
        wait) need_machine ;;
        reverse) need qemu qemu-img gdb ;;
        check) need rust ;; # without QEMU, cargo debug check takes the embedded machine
        test) if [ -n "$fast" ]; then need rust; else need rust qemu qemu-img gdb shellcheck; fi ;;
        *) need qemu ;;
    esac
    ours=''
    [ -z "$example" ] || build_example
    case $mode in boot | debug | wait | reverse | build) [ -n "$kernel" ] || build_kernel ;; esac
    case $mode in
        build) ;;
        reverse) mode_debug ;;
        *) "mode_$mode" ;;
    esac
}

main "$@"
