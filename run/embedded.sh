# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# The machine without QEMU: cargo debug serve instead of QEMU. Sourced by run.sh.

# Makes sure of the TOOLs and of what the machine needs. That is QEMU; or only Rust for the embedded machine, if it was asked
# for, or if --debug finds no QEMU and may not install it. Sets `server`.
need_machine() {
    if [ -z "$embedded" ] && [ "$mode" = debug ] && ! found qemu && ! may_install; then
        say "$QEMU is missing and cannot be installed ($obstacle): using the embedded machine (--embedded)"
        embedded=yes
    fi
    if [ -z "$embedded" ]; then
        need qemu "$@"
        return
    fi
    need rust "$@"
    cargo_build cargo build --release --package debug
    server=$built
}

# Sets `machine_line` to the embedded machine's command line.
embedded_command() {
    machine_line=("$server" serve --kernel "$kernel" --listen "$where")
    [ -z "$load_address" ] || machine_line+=(--load-address "$load_address")
    [ -z "$symbols" ] || machine_line+=(--symbols "$symbols")
    [ -z "$initrd" ] || machine_line+=(--initrd "$initrd")
    [ -z "$append" ] || machine_line+=(--append "$append")
    [ "$cpu" = rv64 ] || machine_line+=(--cpu "$cpu")
    [ -z "$memory" ] || machine_line+=(--memory "$memory")
}
