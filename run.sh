#!/usr/bin/env bash
# Builds the kernel and boots it in QEMU. The two command lines are here: build_line and qemu_command. run/ has the rest: the options
# (./run.sh --help), installing missing tools, building. What starts GDB is cargo debug (debug/). It must run in bash 3.2, the version that macOS has.
# shellcheck disable=SC2034,SC2154 # variables that run/ shares
set -eu

target=riscv64gc-unknown-none-elf
build_line=(cargo build --package kernel --target "$target") # the kernel is then copied to hypervisor.elf

# Sets `machine_line` to QEMU's command line. Only this function knows it.
qemu_command() {
    find_log
    machine_line=("$QEMU" -machine virt)
    if [ "$mode" = firmware ]; then
        machine_line+=(-bios default -nographic -serial mon:stdio --no-reboot)
        return
    fi
    machine_line+=(-cpu "$cpu" -bios default -smp "$harts" -m "${memory:-128}M" -nographic)
    # shellcheck disable=SC2054 # QEMU's commas
    machine_line+=(-d cpu_reset,unimp,guest_errors,int -D "$log")
    machine_line+=(-serial mon:stdio --no-reboot -kernel "$kernel")
    [ -z "$initrd" ] || machine_line+=(-initrd "$initrd")
    [ -z "$append" ] || machine_line+=(-append "$append")
    # shellcheck disable=SC2054 # QEMU's commas
    [ -z "$drive" ] || machine_line+=(-drive "file=${drive//,/,,},if=none,id=drive0,format=raw,snapshot=on" -device virtio-blk-device,drive=drive0)
    case $mode in debug | wait) ;; *) return 0 ;; esac # cargo debug adds what --reverse needs
    if [ -n "$socket" ]; then
        machine_line+=(-gdb "unix:${socket//,/,,},server=on,wait=off" -S)
    else
        machine_line+=(-gdb "tcp:127.0.0.1:$port" -S) # -s -S, but -s would listen on all interfaces
    fi
}

case ${BASH_SOURCE[0]} in
    /*) project=${BASH_SOURCE[0]%/*} ;;
    */*) project=$PWD/${BASH_SOURCE[0]%/*} ;;
    *) project=$PWD ;;
esac
for part in words options tools build console places modes test versions; do
    # shellcheck source=/dev/null
    . "$project/run/$part.sh"
done

main() {
    parse "$@"
    [ "$mode" != test ] || restore_sigint "$@"
    enter_project
    case $mode in
        build) ;;
        debug) need_machine gdb ;;
        wait) need_machine ;;
        reverse) need rust qemu qemu-img gdb ;;
        check) need rust ;; # without QEMU, cargo debug check takes the embedded machine
        test) if [ -n "$fast" ]; then need rust; else need rust qemu qemu-img gdb shellcheck; fi ;;
        *) need qemu ;;
    esac
    ours=''
    [ -z "$example" ] || build_example
    case $mode in boot | debug | wait | reverse | build) [ -n "$kernel" ] || build_kernel ;; esac
    case $mode in
        build) ;;
        *) "mode_$mode" ;;
    esac
}

main "$@"
