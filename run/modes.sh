# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# What each mode does with the machine. run/test.sh has --test. Sourced by run.sh.

# Makes sure of the TOOLs, of cargo debug, and of QEMU, unless the embedded machine was asked for, or --debug finds no QEMU and may
# not install it.
need_machine() {
    if [ -z "$embedded" ] && [ "$mode" = debug ] && ! found qemu && ! may_install; then
        say "$QEMU is missing and cannot be installed ($obstacle): using the embedded machine (--embedded)"
        embedded=yes
    fi
    [ -n "$embedded" ] || set -- qemu "$@"
    need rust "$@"
}

# A kernel that traps for ever logs 50 MB a second. After 64 MiB QEMU's writes to the file fail, and QEMU continues.
become_machine() {
    trap '' XFSZ TTOU
    ulimit -S -f 65536 2>/dev/null || :
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
    name_place boot "$entry"
    name_place stack_top "$stack_top"
    name_place bss "$bss_start"
    name_place bss_end "$bss_end"
    # GDB can make nothing of a flat image.
    local elf=$symbols
    if [ -z "$elf" ] && is_elf "$kernel"; then elf=$kernel; fi
    case $elf in '' | hypervisor.elf | *[\"\\]*) ;; *) gdb+=(-iex "set \$debug_file = \"$elf\"") ;; esac
    gdb+=(-x .gdbinit)
    [ -z "$elf" ] || gdb+=("$elf")
}

# Tells .gdbinit's variable $debug_$1 of the place $2, in C.
name_place() {
    case $2 in
        '') return 0 ;;
        [0-9]*) set -- "$1" "*(char *)$2" ;;
        *+*) set -- "$1" "*((char *)&${2%%+*} + ${2#*+})" ;;
    esac
    gdb+=(-iex "set \$debug_$1 = \"$2\"")
}

is_elf() {
    local magic=''
    IFS= read -r -n 4 magic <"$1" 2>/dev/null || :
    [ "$magic" = $'\x7fELF' ]
}

# Becomes cargo debug's command $1, with the machine and the other arguments. It starts the machine and ends it, whatever happens.
hand_over() {
    cargo_build cargo build --release --package debug
    local command=("$built" --verbose --config none "$1" --listen "$where" --kernel "$kernel")
    shift
    if [ -n "$embedded" ]; then
        command+=(--on embedded --line '' --smp "$harts")
        [ -z "$drive" ] || command+=(--drive "$drive")
    else
        qemu_command
        command+=(--on qemu --line "$(quoted "${machine_line[@]}")")
        # QEMU puts any other file there.
        [ -n "$load_address" ] || is_elf "$kernel" || load_address=0x80200000
        { : >>"$log"; } 2>/dev/null || : # readable for others, unlike the socket
        trap '' XFSZ # cargo debug limits the log, and QEMU continues when it is full
    fi
    [ -z "$load_address" ] || command+=(--load-address "$load_address")
    [ -z "$symbols" ] || command+=(--symbols "$symbols")
    [ -z "$initrd" ] || command+=(--initrd "$initrd")
    [ -z "$append" ] || command+=(--append "$append")
    [ "$cpu" = rv64 ] || command+=(--cpu "$cpu")
    [ -z "$memory" ] || command+=(--memory "$memory")
    exec "${command[@]}" "$@"
}

mode_boot() {
    qemu_command
    show "${machine_line[@]}"
    [ "$mode$ours" != bootyes ] || tell_of_console
    become_machine
}

mode_firmware() {
    local name=opensbi-riscv32-generic-fw_dynamic.bin folder there=''
    case ${QEMU##*/} in
        *riscv32*)
            while read -r folder; do [ ! -e "$folder/$name" ] || there=yes; done < <("$QEMU" -L help)
            [ -n "$there" ] || fail "QEMU's 32-bit firmware, $name, is not installed: Debian has it since 13 (package opensbi)"
            ;;
    esac
    mode_boot
}

mode_wait() {
    [ -n "${GDB:-}" ] || found_gdb || say "no RISC-V GDB is installed here; try: ./run.sh --debug, which installs one"
    gdb_command
    say "attach from a second terminal, in $PWD:"
    show "${gdb[@]}"
    say "or in any RISC-V GDB: target remote ${where#unix:}"
    hand_over serve ${tied:+--tied}
}

mode_debug() {
    [ -z "$bss_end" ] || set -- --bss-end "$bss_end"
    [ -z "$bss_start" ] || set -- --bss-start "$bss_start" "$@"
    [ -z "$stack_top" ] || set -- --stack-top "$stack_top" "$@"
    [ -z "$entry" ] || set -- --entry "$entry" "$@"
    [ "$mode" = debug ] || set -- --reverse "$@"
    hand_over gdb "$@" -- ${arguments[@]+"${arguments[@]}"}
}

mode_reverse() { mode_debug; }

# Runs cargo debug check in the caller's folder, which relative paths refer to. Cargo would not find the project there.
mode_check() {
    [ -z "$kernel" ] || arguments+=(--elf "$kernel")
    cargo_build cargo build --release --package debug
    set -- "$built" check ${arguments[@]+"${arguments[@]}"}
    cd "$caller" || fail "the folder $caller does not exist any more; try: cd to one that does"
    show "$@"
    exec "$@"
}
