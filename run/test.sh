# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# The mode --test: every step of the project's tests. Sourced by run.sh.

# Runs every step even if one fails; the last lines name the failed steps, and what this computer does not allow to be tried. If the
# tools cannot be installed, nothing runs.
mode_test() {
    local failed=() line
    if [ -n "$fast" ]; then
        test_fast
        return
    fi
    export NOT_TRIED=${CARGO_TARGET_DIR:-$PWD/target}/not-tried.$$ # where tests write what they could not try
    run debug/tests/vscode/install.sh || fail "nothing was tested: debug/tests/vscode/install.sh failed, see above"
    run debug/tests/page/install.sh || fail "nothing was tested: debug/tests/page/install.sh failed, see above"
    ! has_debian_archive || step debug/tests/truth/install.sh
    step cargo fmt --all --check
    step cargo clippy --workspace --exclude kernel --all-targets --test truth -- -D warnings
    step cargo clippy --package kernel --target "$target" -- -D warnings
    check_for_macos
    step shellcheck --check-sourced run.sh run/*.sh .ci/{run,fresh,fresh-inside,elsewhere,prepare,table} .vscode/{check,gdb,gdb-dap,lldb-dap} \
        debug/tests/vscode/install.sh debug/tests/vscode/code-server/run.sh debug/tests/page/install.sh debug/benches/record debug/tests/truth/install.sh
    step cargo build --release --package debug # tests call run.sh, which needs it, and have deadlines
    step cargo test --no-fail-fast --workspace --exclude kernel ${arguments[@]+"${arguments[@]}"}
    step env GDB="${CARGO_TARGET_DIR:-$PWD/target}/vscode/gdb" cargo test --no-fail-fast --package debug --test gdb --test serve # with the newest GDB, too
    if has_debian_archive; then
        step cargo test --package debug --test truth
    else
        say "not run: debug/tests/truth, which boots kernels from Debian's packages; try: DEBIAN_MIRROR=URL of an archive of Debian"
    fi
    step env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --exclude kernel --no-deps
    [ -z "$vscode" ] || step debug/tests/vscode/code-server/run.sh
    [ ${#failed[@]} -gt 0 ] || tell_versions "${CARGO_TARGET_DIR:-$PWD/target}/vscode/gdb"
    [ ! -f "$NOT_TRIED" ] || sort -u "$NOT_TRIED" | while read -r line; do say "$line"; done
    rm -f "$NOT_TRIED"
    [ ${#failed[@]} -gt 0 ] || return 0
    for step in "${failed[@]}"; do say "failed: $step"; done
    exit 1
}

# A Debian has packages from an archive of Debian; another system that has apt is told of one.
has_debian_archive() { have apt-get && { [ -n "${DEBIAN_MIRROR:-}" ] || grep -q '^ID=debian$' /etc/os-release; }; }

# Compiles cargo debug for macOS where Rust has a library for it; .ci/run adds it.
check_for_macos() {
    local macos=aarch64-apple-darwin libraries
    libraries=$(rustc --print target-libdir --target "$macos") || libraries=''
    if [ -d "$libraries" ]; then
        step cargo clippy --package debug --target "$macos" -- -D warnings
    else
        say "not run: compiling for macOS; try: rustup target add $macos"
    fi
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
        *"''"*) ! env --default-signal=INT true 2>/dev/null || exec env --default-signal=INT,QUIT bash "$project/run.sh" "$@" ;;
    esac
}
