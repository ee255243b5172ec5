# shellcheck shell=bash
# What a person sees who boots the kernel: the firmware's banner, and then nothing. Sourced by run.sh, whose say it uses.

# Says, once the firmware has fallen silent, that the kernel has no console. What QEMU prints goes through a pipe from here on.
tell_of_console() { exec > >(trap '' INT && exec tee >(await_silence)); }

# Nothing tells where a banner ends, which each firmware has another of: a second without a line behind it does.
await_silence() {
    local status=0
    trap '' INT
    read -r _ || return 0 # the end: there was nothing
    while [ "$status" = 0 ]; do
        status=0
        read -r -t 1 _ || status=$?
    done
    [ "$status" -le 128 ] || say "this kernel has no console: it idles in silence; ./run.sh --check tells whether it is well (Ctrl-A X leaves)"
    exec cat >/dev/null # where nobody reads, tee would end, and the console with it
}
