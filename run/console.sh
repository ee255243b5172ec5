# shellcheck shell=bash
# Tells a person who boots the kernel why nothing follows the firmware's banner. Sourced by run.sh, whose say it uses.

# Says that the kernel has no console, once the firmware prints nothing more. From here on QEMU's output goes through a pipe.
tell_of_console() { exec > >(trap '' INT && exec tee >(await_silence)); }

# Every firmware has another banner, and nothing marks its end. So a second without a new line counts as the end.
await_silence() {
    local status=0
    trap '' INT
    read -r _ || return 0 # end of input: QEMU printed nothing
    while [ "$status" = 0 ]; do
        status=0
        read -r -t 1 _ || status=$?
    done
    [ "$status" -le 128 ] || say "this kernel has no console, so it prints nothing; to check its boot: ./run.sh --check (Ctrl-A X leaves)"
    exec cat >/dev/null # tee ends when nobody reads its pipe, and the console would end with it
}
