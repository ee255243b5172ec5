# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# The machine without QEMU: cargo debug serve, in QEMU's place. Sourced by run.sh.

# What the machine needs, and TOOLs. That is QEMU; or Rust alone, for the embedded machine, where it is asked for, or where
# --debug finds no QEMU and may not install it. Sets `server`.
need_machine() {
    if [ -z "$embedded" ] && [ "$mode" = debug ] && ! found qemu && ! may_install; then
        say "no $QEMU here, and it may not be installed ($obstacle): the embedded machine takes its place (--embedded)"
        embedded=yes
    fi
    if [ -z "$embedded" ]; then
        need qemu "$@"
        return
    fi
    need rust "$@"
    cargo_build --release --package debug
    server=$built
}

# Sets `machine_line` to the embedded machine's command line.
embedded_command() { machine_line=("$server" serve --elf "$kernel" --listen "$where"); }
