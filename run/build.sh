# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# Builds the kernel and cargo debug, and copies the kernel to hypervisor.elf. Sourced by run.sh.

# Runs a cargo build, and sets `built` to the path of the program.
cargo_build() {
    local command=("$@" --message-format json-render-diagnostics)
    case " $* " in
        *' --release '*) [ -e "${CARGO_TARGET_DIR:-target}/release" ] || say "the first build takes some minutes" ;;
    esac
    show "${command[@]}"
    case $PWD in *$'\n'*) fail "the folder's name contains a line break: $PWD; Rust's tools cannot build there; try: another folder" ;; esac
    tie_build "${command[@]}" || {
        is_plain "$PWD${CARGO_TARGET_DIR:-}" || say "Rust's tools cannot build in a folder whose name is not UTF-8, perhaps $PWD; try: another folder"
        fail "the build failed: see above"
    }
    built=${built##*\"executable\":\"}
    built=${built%%\",\"fresh\":*}
    # It is a JSON string. printf understands the remaining escapes.
    printf -v built '%b' "${built//\\\"/\"}"
    [ -f "$built" ] || fail "cargo built $built, but that file does not exist; try: a folder whose name has only plain characters"
}

# Runs a build, and sets `built` to what it printed. Only builtins wait for it here: bash reacts to a signal to run.sh alone while a
# builtin waits, and not while a child does.
tie_build() {
    exec 9> >(watch_build)
    exec 8< <(build_in_group "$@")
    IFS= read -r -d '' built <&8 || :
    exec 8<&-
    end_watch
    local status=${built##*$'\n'}
    built=${built%$'\n'*}
    case $status in '' | *[!0-9]*) status=1 ;; esac # somebody killed the process that prints it
    return "$status"
}

# Runs a build in its own process group, and prints its status as the last line. The watcher kills that group when run.sh ends, however
# it ends: only run.sh holds descriptor 9 by then.
build_in_group() {
    local status=0
    trap '' TTOU
    set -m
    # shellcheck disable=SC2016 # for sh
    sh -c 'echo $$ >&9; exec "$@" 9>&-' sh "$@" </dev/null &
    exec 9>&-
    wait $! || status=$?
    printf '\n%s' "$status"
}

# The watcher, in its own group. It reads the build's group, and then either `built` or the end of the pipe.
watch_build() {
    set -m
    {
        trap '' HUP INT TERM
        read -r group && { read -r _ || kill -KILL -- "-$group" 2>/dev/null; }
    } <&0 >/dev/null 9>&- &
}

end_watch() {
    echo built >&9
    exec 9>&-
}

# Returns whether $1 is ASCII without control characters.
is_plain() {
    local LC_ALL=C
    case $1 in *[!\ -~]*) return 1 ;; esac
}

# Builds the kernel. Sets `kernel` to its copy, hypervisor.elf, or to the original if the copy cannot be written. Sets `ours`.
build_kernel() {
    local copying
    need rust
    ours=yes
    [ ! -d hypervisor.elf ] || fail "hypervisor.elf is a folder, but the kernel must be copied to that name; try: mv hypervisor.elf elsewhere"
    cargo_build "${build_line[@]}"
    clear_copies
    # It copies in its own process group: a signal that ends this group does not leave half a copy.
    set -m
    copy_kernel </dev/null &
    copying=$!
    set +m
    if wait "$copying"; then
        kernel=hypervisor.elf
    elif [ "$mode" = build ]; then
        fail "cannot write hypervisor.elf in $PWD, see above; the kernel is $built"
    else
        say "cannot write hypervisor.elf in $PWD; booting $built"
        kernel=$built
    fi
}

# Builds the kernel that --example names, and sets `kernel` to its path.
build_example() {
    local source=debug/tests/kernels/variants.rs script=debug/tests/kernels/$example.ld folder=${CARGO_TARGET_DIR:-target}/examples
    case $example in *[!a-z0-9-]*) fail "--example takes a name from $source, not $example" ;; esac
    grep -q "^    .*\"$example\".* => {\$" "$source" || fail "no example is called $example; $source has:$(examples "$source")"
    need rust
    [ -f "$script" ] || script=hypervisor.ld
    mkdir -p "$folder"
    set -- rustc --edition 2024 --crate-name variant --crate-type bin --target "$target" -g -C opt-level=0 -C panic=abort \
        --check-cfg 'cfg(kernel, values(any()))' --cfg "kernel=\"$example\"" -C "link-arg=-T$script" -o "$folder/$example" "$source"
    show "$@"
    tie_build "$@" || fail "the build failed: see above"
    absolute kernel "$folder/$example"
}

# Prints the names of the examples in one line.
examples() { sed -n '/^    ".*" => {$/p' "$1" | tr -cs 'a-z0-9-' '\n' | sort -u | tr '\n' ' '; }

# Replaces hypervisor.elf in one step, because another run.sh may be reading it. If it has other hard links or is not a regular
# file, its contents are overwritten instead.
copy_kernel() {
    local links copy=hypervisor.elf.$$
    trap '' HUP INT TERM
    if [ -f hypervisor.elf ] && [ ! -L hypervisor.elf ]; then
        read -r _ links _ < <(ls -ld hypervisor.elf)
        [ "$links" = 1 ] || exec cp "$built" hypervisor.elf
        cp -p hypervisor.elf "$copy" && cat "$built" >"$copy" && mv -f "$copy" hypervisor.elf && return
    elif [ -e hypervisor.elf ] || [ -L hypervisor.elf ]; then
        exec cat "$built" >hypervisor.elf
    else
        cp "$built" "$copy" && mv -f "$copy" hypervisor.elf && return
    fi
    rm -f "$copy"
    return 1
}

# Removes unfinished copies of processes that no longer exist.
clear_copies() {
    local copy
    for copy in hypervisor.elf.*; do
        case ${copy#hypervisor.elf.} in
            '' | *[!0-9]*) ;;
            *) kill -0 "${copy##*.}" 2>/dev/null || rm -f "$copy" ;;
        esac
    done
}
