#!/usr/bin/env bash
# Builds the kernel and starts the machine. QEMU's command line is here (qemu_command) and nowhere else.
# It must run in bash 3.2, the version that macOS has.
set -eu

target=riscv64gc-unknown-none-elf
default_port=1234

usage() {
    cat <<'END'
Usage: ./run.sh [MODE] [OPTIONS]

Modes
  (none)               build the kernel and boot it in QEMU; Ctrl-A X leaves
  --firmware           boot OpenSBI without a kernel; with QEMU=qemu-system-riscv32, the 32-bit OpenSBI
  --debug [-- ARGS]    boot under GDB, stopped before the kernel's first instruction; pass ARGS to GDB
  --wait               start the machine stopped, and wait for GDB, VS Code or another debugger; Ctrl-A X leaves
  --reverse [-- ARGS]  like --debug, on a recording of the boot: reverse-stepi and reverse-continue work
  --check [ARGS]       build the kernel and check its boot: cargo debug check ARGS
  --test [ARGS]        run all tests of the project; pass ARGS to cargo test
  --test --fast        run the tests that need neither QEMU nor GDB: under 30 seconds after a build
  --test --vscode      run all tests, and also press F5 in VS Code itself, in a browser: downloads half a gigabyte
  --build              build the kernel and copy it to hypervisor.elf

Options
  --kernel FILE        boot this file instead of this project's kernel: an ELF, Linux's Image, or a flat binary
  --load-address A     physical address of a flat binary: 0x80200000 on QEMU, any on the embedded machine
  --symbols ELF        ELF file with the symbols of such a kernel
  --initrd FILE        initial RAM disk
  --append TEXT        the kernel's command line
  --memory MIB         size of RAM, 128 by default
  --example NAME       boot an example kernel with a fault, such as corrupts-itself; debug/tests/kernels/variants.rs has all
  --port N             port for GDB, 1234 by default (--debug, --wait, --reverse)
  --socket PATH        Unix socket for GDB, instead of a port (--debug, --wait, --reverse)
  --smp N              number of harts, 1 by default (QEMU only)
  --cpu MODEL          CPU model with its properties in QEMU's words, such as rv64,zba=off; rv64 by default
  --embedded           use this project's own machine instead of QEMU; it can go back in time (--debug, --wait)
  --tied               for scripts: QEMU stops when stdin closes (--wait)
  --private            with --tied: put GDB's Unix socket and the log in a private folder, which is removed at the end
  -h, --help           print this text

Environment
  QEMU, GDB            programs to use
  QEMU_LOG             file for QEMU's log of traps and guest errors, qemu.log by default, at most 64 MiB
  NO_INSTALL=1         do not install; name what is missing and exit 2 (--debug falls back to --embedded)

Examples
  ./run.sh --debug -- -ex check-boot         run a command in GDB
  ./run.sh --wait --port 4321                then run the command that it prints in a second terminal
  ./run.sh --debug --embedded                reverse-stepi, reverse-continue; monitor help
  ./run.sh --kernel my.elf --check --format junit

Exit status: that of QEMU, GDB or the check; 1 if a test failed; 2 if something could not be started.
END
}

# Never fails: a message that nobody reads is no reason to stop halfway.
say() { printf '%s\n' "run.sh: $*" >&2 || :; }

fail() {
    say "$@"
    exit 2
}

# Prints the usage, and fails.
usage_error() {
    usage >&2
    printf '\n' >&2
    fail "$@"
}

have() { command -v "$1" >/dev/null 2>&1; }

# Prints a command on stderr, quoted so that it can be pasted into a shell.
show() {
    local word line=+ quote="'" escaped="'\\''"
    for word; do
        case $word in
            *[!A-Za-z0-9_./:=,+@%-]* | '') line+=" '${word//$quote/$escaped}'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '%s\n' "$line" >&2 || : # see say
}

run() {
    show "$@"
    "$@"
}

# Sets the variable $1 to the absolute path of $2: this script leaves the caller's folder.
absolute() { case $2 in /*) printf -v "$1" '%s' "$2" ;; *) printf -v "$1" '%s/%s' "$PWD" "$2" ;; esac; }

set_mode() {
    [ "$mode" = boot ] || usage_error "--$mode and --$1 cannot be used together"
    mode=$1
}

parse() {
    mode=boot port='' socket='' kernel='' example='' harts=1 cpu=rv64 tied='' hidden='' vscode='' fast='' embedded='' arguments=()
    load_address='' symbols='' initrd='' append='' memory=
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
            --port | --socket | --example | --kernel | --smp | --cpu | --load-address | --symbols | --initrd | --append | --memory)
                [ -n "${2:-}" ] || usage_error "$1 needs a value"
                case $1 in
                    --port) port=$2 ;;
                    --example) example=$2 ;;
                    --smp) harts=$2 ;;
                    --cpu) cpu=$2 ;;
                    --load-address) load_address=$2 ;;
                    --append) append=$2 ;;
                    --memory) memory=$2 ;;
                    *) absolute "${1#--}" "$2" ;;
                esac
                shift
                ;;
            -h | --help)
                usage
                exit 0
                ;;
            --)
                case $mode in debug | reverse) ;; *) usage_error "-- needs --debug or --reverse: the arguments after it go to GDB" ;; esac
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

# Arguments after --check or --test are passed on, except --kernel with --check, and --vscode and --fast with --test.
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
        firmware | build | test) [ -z "$kernel" ] || usage_error "--$mode does not take --kernel" ;;
    esac
    case $mode in
        debug | wait) ;;
        *) [ -z "$embedded" ] || usage_error "--embedded needs --debug or --wait" ;;
    esac
    [ -z "$load_address$symbols$initrd$append$memory" ] || check_machine
    [ -z "$tied" ] || [ "$mode" = wait ] || usage_error "--tied needs --wait"
    [ -z "$hidden" ] || [ -n "$tied" ] || usage_error "--private needs --tied: its folder is removed when QEMU ends"
    [ -z "$port" ] || [ -z "$socket" ] || usage_error "--port and --socket cannot be used together"
    [ -z "$hidden" ] || [ -z "$port$socket" ] || usage_error "--private cannot be used with --port or --socket"
    [ -z "$kernel" ] || [ -z "$example" ] || usage_error "--kernel and --example cannot be used together"
    [ -z "$kernel" ] || [ -f "$kernel" ] || fail "no such file: $kernel; --kernel takes a RISC-V kernel"
    case $harts in
        *[!0-9]* | ????* | 0*) usage_error "--smp takes 1 to 512 harts, not $harts" ;;
    esac
    [ "$harts" -le 512 ] || usage_error "--smp takes 1 to 512 harts, not $harts"
    case $mode$embedded in
        boot | debug | wait) ;;
        *) [ "$harts" = 1 ] || usage_error "--smp needs QEMU and a mode that boots a kernel; for a check: ./run.sh --check --smp $harts" ;;
    esac
    port=${port:-$default_port}
    case $port in
        *[!0-9]* | ??????* | 0*) usage_error "--port takes 1 to 65535, not $port" ;;
    esac
    [ "$port" -le 65535 ] || usage_error "--port takes 1 to 65535, not $port"
    where=127.0.0.1:$port
    [ -z "$socket" ] || where=unix:$socket
}

# What the machine is to have beside the kernel.
check_machine() {
    case $mode in
        boot | debug | wait | reverse) ;;
        *) usage_error "--load-address, --symbols, --initrd, --append and --memory need a mode that boots a kernel; for a check: ./run.sh --check ARGS" ;;
    esac
    [ -z "$symbols" ] || [ -f "$symbols" ] || fail "no such file: $symbols; --symbols takes the kernel's ELF"
    [ -z "$initrd" ] || [ -f "$initrd" ] || fail "no such file: $initrd; --initrd takes an initial RAM disk"
    case $memory in
        *[!0-9]* | ??????* | 0*) usage_error "--memory takes a number of MiB, not $memory" ;;
    esac
    [ -n "$embedded" ] || [ -z "$load_address" ] || [ $((load_address)) = $((0x80200000)) ] ||
        usage_error "--load-address $load_address: QEMU puts a flat kernel at 0x80200000; try: --embedded, or --check --load-address $load_address"
}

# Sets `machine_line` to QEMU's command line. Only this function knows it. $1, if given: record or replay.
qemu_command() {
    local files
    [ "${1:-}" = record ] || find_log
    machine_line=("$QEMU" -machine virt)
    if [ "$mode" = firmware ]; then
        machine_line+=(-bios default -nographic -serial mon:stdio --no-reboot)
        return
    fi
    machine_line+=(-cpu "$cpu" -bios default -smp "$harts" -m "${memory:-128}M" -nographic)
    # shellcheck disable=SC2054 # QEMU's commas
    [ "${1:-}" = record ] || machine_line+=(-d cpu_reset,unimp,guest_errors,int -D "$log") # the replay logs all of it again
    machine_line+=(-serial mon:stdio --no-reboot -kernel "$kernel")
    [ -z "$initrd" ] || machine_line+=(-initrd "$initrd")
    [ -z "$append" ] || machine_line+=(-append "$append")
    if [ -n "${1:-}" ]; then
        files=${private//,/,,}
        # 2^7 ns per instruction: QEMU handles signals once in 2^31 ns, and 2^24 instructions take little enough time.
        machine_line+=(-icount "shift=7,rr=$1,rrfile=$files/recording,rrsnapshot=init"
            -drive "file=$files/snapshots,if=none,id=rr,cache=unsafe" -net none -monitor "pipe:$private/$1")
    fi
    [ -z "$hidden" ] || machine_line+=(-action shutdown=pause) # a program inspects the machine after power-off; QEMU 7.2 ends anyway
    if [ "${1:-}" = record ]; then
        machine_line+=(-gdb "unix:$files/stub,server=on,wait=off" -S)
    elif [ "$mode" != boot ] && [ -n "$socket" ]; then
        machine_line+=(-gdb "unix:${socket//,/,,},server=on,wait=off" -S)
    elif [ "$mode" != boot ]; then
        machine_line+=(-gdb "tcp:127.0.0.1:$port" -S) # -s would listen on all interfaces
    fi
}

# Sets `machine_line` to the command line of the chosen machine.
machine_command() {
    if [ -n "$embedded" ]; then embedded_command; else qemu_command; fi
}

# A kernel that traps for ever logs 50 MB a second. After 64 MiB QEMU's writes to the file fail, and QEMU continues.
become_machine() {
    trap '' XFSZ TTOU
    ulimit -S -f "${file_blocks:-65536}" 2>/dev/null || :
    if [ -n "$socket" ]; then
        [ -z "$log" ] || { : >>"$log"; } 2>/dev/null || : # readable for others, unlike the socket
        umask 077
    fi
    exec "${machine_line[@]}"
}

# Sets `gdb` to GDB's command line. -x loads .gdbinit: without it GDB refuses to load it and prints a long warning.
gdb_command() {
    gdb=("${GDB:-gdb-multiarch}" -q -iex 'set auto-load local-gdbinit off')
    if [ -n "$socket" ]; then
        gdb+=(-iex "set \$debug_socket = \"$socket\"")
    else
        gdb+=(-iex "set \$debug_port = $port")
    fi
    gdb+=(-x .gdbinit)
    # GDB can make nothing of a flat image.
    if [ -n "$symbols" ]; then gdb+=("$symbols"); elif is_elf "$kernel"; then gdb+=("$kernel"); fi
}

is_elf() {
    local magic=''
    IFS= read -r -n 4 magic <"$1" 2>/dev/null || :
    [ "$magic" = $'\x7fELF' ]
}

# Prints the line that programs wait for (the embedded machine prints its own), and for people the next command.
announce() {
    [ -n "$embedded" ] || printf 'waiting for GDB on %s\n' "$where"
    [ -z "$hidden" ] || return 0 # only a program uses it
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
    # This process becomes QEMU, so that QEMU's console is the terminal.
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
    # With commands for GDB, start where the machine starts. A person starts at the kernel's first instruction.
    if [ ${#arguments[@]} -gt 0 ]; then
        gdb+=("${arguments[@]}")
    elif [ "$mode" = debug ]; then
        gdb+=(-ex boot)
    fi
    show "${gdb[@]}"
    trap : INT QUIT # they are for GDB; this process waits for GDB
    # GDB does not inherit the lifeline: processes that it starts and leaves behind would hold it too.
    # shellcheck disable=SC2016 # for sh
    sh -c 'echo "gdb $$" >&9; exec "$@" 8<&- 9>&-' sh "${gdb[@]}" || status=$?
    trap '' PIPE
    echo quit >&9
    exec 9>&-
    while read -r -t 10 _ <&8; do :; done # until the keeper has ended QEMU and removed its files
    exit "$status"
}

# Runs cargo debug check in the caller's folder, which relative paths refer to. Cargo would not find the project there.
mode_check() {
    [ -z "$kernel" ] || arguments+=(--elf "$kernel")
    cargo_build --release --package debug
    set -- "$built" check ${arguments[@]+"${arguments[@]}"}
    cd "$caller"
    show "$@"
    exec "$@"
}

# Runs every step even if one fails; the last lines name the failed steps. If the tools cannot be installed, nothing runs.
mode_test() {
    local failed=()
    if [ -n "$fast" ]; then
        test_fast
        return
    fi
    run debug/tests/vscode/install.sh || fail "nothing was tested: debug/tests/vscode/install.sh failed, see above"
    ! have apt-get || step debug/tests/truth/install.sh
    step cargo fmt --all --check
    step cargo clippy --workspace --exclude kernel --all-targets -- -D warnings
    step cargo clippy --package kernel --target "$target" -- -D warnings
    step shellcheck --check-sourced run.sh run/*.sh .ci/{run,fresh,fresh-inside,prepare,table} .vscode/{check,gdb,gdb-dap,lldb-dap} \
        debug/tests/vscode/install.sh debug/tests/vscode/code-server/run.sh debug/benches/record debug/tests/truth/install.sh
    step cargo test --no-fail-fast --workspace --exclude kernel ${arguments[@]+"${arguments[@]}"}
    step env GDB="${CARGO_TARGET_DIR:-$PWD/target}/vscode/gdb" cargo test --no-fail-fast --package debug --test gdb --test serve # with the newest GDB, too
    if have apt-get; then
        step cargo test --release --package debug --test truth # real kernels need an optimised build
    else
        say "not run: debug/tests/truth, which boots kernels from Debian's packages; there is no apt-get here"
    fi
    step env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --exclude kernel --no-deps
    [ -z "$vscode" ] || step debug/tests/vscode/code-server/run.sh
    tell_versions "${CARGO_TARGET_DIR:-$PWD/target}/vscode/gdb"
    [ ${#failed[@]} -gt 0 ] || return 0
    for step in "${failed[@]}"; do say "failed: $step"; done
    exit 1
}

# Runs the tests that need neither QEMU nor GDB. Uses cargo-nextest if it is installed, which is faster.
test_fast() {
    local runner=test
    ! have cargo-nextest || runner='nextest run'
    # shellcheck disable=SC2086 # two words
    run cargo $runner --package debug --lib --test architecture --test image --test hostile_stub \
        ${arguments[@]+"${arguments[@]}"} || exit 1
}

step() { run "$@" || failed+=("$*"); }

# A script's background processes ignore SIGINT, and so does everything that they start. The tests must be able to interrupt.
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
    export HYPERVISOR_PROJECT=$PWD # for cargo debug: the project's folder now, not when it was compiled
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
