# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# The command line: its usage, and what its options mean. Sourced by run.sh.

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
  --drive FILE         disk (virtio-blk); what the kernel writes to it is not in the file
  --entry PLACE, --stack-top PLACE, --bss-start PLACE, --bss-end PLACE
                       for GDB's commands: the symbols of such a kernel, or SYMBOL+OFFSET or an address (--debug, --wait, --reverse)
  --example NAME       boot an example kernel with a fault, such as corrupts-itself; debug/tests/kernels/variants.rs has all
  --port N             port for GDB, 1234 by default (--debug, --wait, --reverse)
  --socket PATH        Unix socket for GDB, instead of a port (--debug, --wait, --reverse)
  --smp N              number of harts, 1 by default; the embedded machine has up to 8
  --cpu MODEL          CPU model with its properties in QEMU's words, such as rv64,zba=off; rv64 by default
  --embedded           use this project's own machine instead of QEMU; it can go back in time (--debug, --wait)
  --tied               for scripts: QEMU stops when stdin closes (--wait)
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

set_mode() {
    [ "$mode" = boot ] || usage_error "--$mode and --$1 cannot be used together"
    mode=$1
}

parse() {
    mode=boot port='' socket='' kernel='' example='' harts=1 cpu=rv64 tied='' vscode='' fast='' embedded='' arguments=()
    load_address='' symbols='' initrd='' append='' memory='' drive=
    entry='' stack_top='' bss_start='' bss_end=
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
            --embedded) embedded=yes ;;
            --entry | --stack-top | --bss-start | --bss-end)
                [ -n "${2:-}" ] || usage_error "$1 needs a value"
                case $2 in *[!A-Za-z0-9_.\$+]*) usage_error "$1 takes a symbol, SYMBOL+OFFSET or an address, not $2" ;; esac
                case $1 in --entry) entry=$2 ;; --stack-top) stack_top=$2 ;; --bss-start) bss_start=$2 ;; *) bss_end=$2 ;; esac
                shift
                ;;
            --port | --socket | --example | --kernel | --smp | --cpu | --load-address | --symbols | --initrd | --append | --memory | --drive)
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
        debug | wait | reverse) ;;
        *) [ -z "$entry$stack_top$bss_start$bss_end" ] ||
            usage_error "--entry, --stack-top, --bss-start and --bss-end need --debug, --wait or --reverse; for a check: ./run.sh --check ARGS" ;;
    esac
    case $mode in
        firmware | build | test) [ -z "$kernel" ] || usage_error "--$mode does not take --kernel" ;;
    esac
    case $mode in
        debug | wait) ;;
        *) [ -z "$embedded" ] || usage_error "--embedded needs --debug or --wait" ;;
    esac
    [ -z "$load_address$symbols$initrd$append$memory$drive" ] || check_machine
    [ -z "$tied" ] || [ "$mode" = wait ] || usage_error "--tied needs --wait"
    [ -z "$port" ] || [ -z "$socket" ] || usage_error "--port and --socket cannot be used together"
    [ -z "$kernel" ] || [ -z "$example" ] || usage_error "--kernel and --example cannot be used together"
    [ -z "$kernel" ] || [ -f "$kernel" ] || fail "no such file: $kernel; --kernel takes a RISC-V kernel"
    case $harts in
        *[!0-9]* | ????* | 0*) usage_error "--smp takes 1 to 512 harts, not $harts" ;;
    esac
    [ "$harts" -le 512 ] || usage_error "--smp takes 1 to 512 harts, not $harts"
    case $mode in
        boot | debug | wait) ;;
        *) [ "$harts" = 1 ] || usage_error "--smp needs a mode that boots a kernel; for a check: ./run.sh --check --smp $harts" ;;
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
        *) usage_error "--load-address, --symbols, --initrd, --append, --memory and --drive need a mode that boots a kernel; for a check: ./run.sh --check ARGS" ;;
    esac
    [ -z "$symbols" ] || [ -f "$symbols" ] || fail "no such file: $symbols; --symbols takes the kernel's ELF"
    [ -z "$initrd" ] || [ -f "$initrd" ] || fail "no such file: $initrd; --initrd takes an initial RAM disk"
    [ -z "$drive" ] || [ -f "$drive" ] || fail "no such file: $drive; --drive takes an image of a disk"
    [ -z "$drive" ] || [ "$mode" != reverse ] || usage_error "--reverse records no disk; try: --debug --embedded, which goes back over its writes, too"
    case $memory in
        *[!0-9]* | ??????* | 0*) usage_error "--memory takes a number of MiB, not $memory" ;;
    esac
    [ -n "$embedded" ] || [ -z "$load_address" ] || [ $((load_address)) = $((0x80200000)) ] ||
        usage_error "--load-address $load_address: QEMU puts a flat kernel at 0x80200000; try: --embedded, or --check --load-address $load_address"
}

# Goes to the project's folder, after the paths in the environment are made absolute.
enter_project() {
    QEMU=${QEMU:-qemu-system-riscv64}
    log=''
    [ -z "${QEMU_LOG:-}" ] || absolute log "$QEMU_LOG"
    for program in QEMU GDB; do
        case ${!program:-} in */*) absolute "$program" "${!program}" ;; esac
    done
    caller=$PWD
    for variable in TMPDIR CARGO_TARGET_DIR; do [ -z "${!variable:-}" ] || absolute "$variable" "${!variable}"; done
    cd "$project" || exit 2
    export HYPERVISOR_PROJECT=$PWD # for cargo debug: the project's folder now, not when it was compiled
    find_temporary
}
