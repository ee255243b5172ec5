# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# What is built, and hypervisor.elf, which the kernel is copied to. Sourced by run.sh.

# Runs cargo build, and sets `built` to the program that came out.
cargo_build() {
    local command=(cargo build "$@" --message-format json-render-diagnostics)
    case " $* " in
        *' --release '*) [ -e "${CARGO_TARGET_DIR:-target}/release" ] || say "the first build takes a minute or two" ;;
    esac
    show "${command[@]}"
    case $PWD in *$'\n'*) fail "there is a line break in the name of $PWD: Rust's tools cannot build there; try: another folder" ;; esac
    built=$("${command[@]}") || {
        is_plain "$PWD${CARGO_TARGET_DIR:-}" || say "Rust's tools cannot build where a folder's name is no UTF-8, as perhaps in $PWD; try: another folder"
        fail "the build failed: see above"
    }
    built=${built##*\"executable\":\"}
    built=${built%%\",\"fresh\":*}
    # A string in JSON: what is left of its escapes, printf knows.
    printf -v built '%b' "${built//\\\"/\"}"
    [ -f "$built" ] || fail "the build's result is not there: $built; try: a path of plain characters"
}

# Whether $1 is ASCII without control characters.
is_plain() {
    local LC_ALL=C
    case $1 in *[!\ -~]*) return 1 ;; esac
}

# Builds the kernel, and sets `kernel` to its copy, hypervisor.elf; where that cannot be written, to the original. Sets `ours`.
build_kernel() {
    local copying
    need rust
    ours=yes
    [ ! -d hypervisor.elf ] || fail "hypervisor.elf is a folder, and the kernel is to be copied there; try: mv hypervisor.elf elsewhere"
    cargo_build --package kernel --target "$target"
    clear_copies
    # In a process group of its own: what ends this one's does not leave half of a copy.
    set -m
    copy_kernel </dev/null &
    copying=$!
    set +m
    if wait "$copying"; then
        kernel=hypervisor.elf
    elif [ "$mode" = build ]; then
        fail "hypervisor.elf cannot be written in $PWD: see above; the kernel is $built"
    else
        say "hypervisor.elf cannot be written in $PWD: booting $built"
        kernel=$built
    fi
}

# Builds the kernel that --example names, and sets `kernel` to it.
build_example() {
    local source=debug/tests/kernels/variants.rs script=debug/tests/kernels/$example.ld folder=${CARGO_TARGET_DIR:-target}/examples
    case $example in *[!a-z0-9-]*) fail "--example $example: a name of $source is needed" ;; esac
    grep -q "^    .*\"$example\".* => {\$" "$source" || fail "--example $example: $source has no such kernel; it has:$(examples "$source")"
    need rust
    [ -f "$script" ] || script=hypervisor.ld
    mkdir -p "$folder"
    run rustc --edition 2024 --crate-name variant --crate-type bin --target "$target" -g -C opt-level=0 -C panic=abort \
        --check-cfg 'cfg(kernel, values(any()))' --cfg "kernel=\"$example\"" -C "link-arg=-T$script" -o "$folder/$example" "$source" >&2 ||
        fail "the build failed: see above"
    absolute kernel "$folder/$example"
}

# The names in a line.
examples() { sed -n '/^    ".*" => {$/p' "$1" | tr -cs 'a-z0-9-' '\n' | sort -u | tr '\n' ' '; }

# Replaces hypervisor.elf in one step, as another run.sh may be reading it; what has other names, or is no file, is written to.
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

# Removes the copies that were under way when this computer stopped.
clear_copies() {
    local copy
    for copy in hypervisor.elf.*; do
        case ${copy#hypervisor.elf.} in
            '' | *[!0-9]*) ;;
            *) kill -0 "${copy##*.}" 2>/dev/null || rm -f "$copy" ;;
        esac
    done
}
