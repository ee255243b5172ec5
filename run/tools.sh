# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# What run.sh needs on this machine, and how it gets there. Sourced by run.sh, whose say, fail, have and run it uses.

# In order of preference, by who names it so: Debian; Homebrew and Arch; builds from source; xPack; others.
gdb_names='gdb-multiarch riscv64-elf-gdb riscv64-unknown-elf-gdb riscv64-unknown-linux-gnu-gdb riscv-none-elf-gdb gdb'

# Makes sure of each TOOL: rust, qemu, qemu-img, gdb, shellcheck. For gdb, sets GDB.
need() {
    local tool missing=()
    for tool; do found "$tool" || missing+=("$tool"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    install "${missing[@]}"
    for tool in "${missing[@]}"; do
        found "$tool" || fail "still no $tool that can be used: is its folder in PATH?"
    done
}

found() {
    case $1 in
        rust) found_rust ;;
        qemu) found_qemu ;;
        gdb) found_gdb ;;
        *) have "$1" ;;
    esac
}

found_qemu() {
    have "$QEMU" && return
    case $QEMU in */*) fail "QEMU=$QEMU is no program" ;; esac
    return 1
}

# A GDB without RISC-V is none, and a GDB that was asked for is not replaced.
found_gdb() {
    local name
    if [ -n "${GDB:-}" ]; then
        have "$GDB" || fail "GDB=$GDB is no program"
        knows_riscv "$GDB" || fail "GDB=$GDB does not know RISC-V (riscv:rv64): try another, or leave GDB unset"
        return
    fi
    for name in $gdb_names; do
        if have "$name" && knows_riscv "$name"; then
            GDB=$name
            return
        fi
    done
    return 1
}

knows_riscv() {
    local answer
    answer=$("$1" -nx -batch -ex 'set architecture riscv:rv64' -ex 'show architecture' 2>/dev/null </dev/null) || :
    case $answer in *'"riscv:rv64"'*) return 0 ;; esac
    return 1
}

# rustup is no package: it is the one thing that we do not install.
found_rust() {
    local libraries
    { have cargo && have rustc; } || fail "missing: cargo; install Rust with https://rustup.rs, then run this again"
    libraries=$(rustc --print target-libdir --target "$target") || fail "rustc does not run: see above"
    [ -d "$libraries" ] && return
    have rustup || fail "missing: Rust's target $target; https://rustup.rs brings rustup, which adds it"
    [ -z "${NO_INSTALL:-}" ] || fail "missing: Rust's target; NO_INSTALL is set, so do: rustup target add $target"
    run rustup target add "$target" >&2 || fail "no Rust target $target: see above"
}

# The package of TOOL ($2) for a package manager ($1).
package() {
    case $1:$2 in
        apt-get:qemu) apt_qemu ;;
        apt-get:qemu-img) echo qemu-utils ;;
        apt-get:gdb) echo gdb-multiarch ;;
        dnf:qemu | pacman:qemu) echo qemu-system-riscv ;;
        dnf:shellcheck) echo ShellCheck ;;
        pacman:gdb | brew:gdb) echo riscv64-elf-gdb ;;
        brew:qemu-img) echo qemu ;;
        *) echo "$2" ;;
    esac
}

# Debian 13 has taken riscv64 out of qemu-system-misc.
apt_qemu() {
    case $(apt-cache show --no-all-versions qemu-system-misc 2>/dev/null) in
        *Provides:*qemu-system-riscv64*) echo qemu-system-misc ;;
        *) echo qemu-system-riscv ;;
    esac
}

# Installs TOOLs with the system's package manager, after printing the command.
install() {
    local manager='' name packages
    for name in apt-get dnf pacman brew; do
        if have "$name"; then
            manager=$name
            break
        fi
    done
    packages=$(for name; do package "${manager:-apt-get}" "$name"; done | sort -u | tr '\n' ' ')
    if [ -z "$manager" ]; then
        fail "missing: $*; no package manager known here (apt, dnf, pacman, brew): install what Debian calls $packages"
    elif [ -n "${NO_INSTALL:-}" ]; then
        fail "missing: $*; NO_INSTALL is set, so install with $manager: $packages"
    fi
    # shellcheck disable=SC2086 # words
    case $manager in
        apt-get) install_apt $packages ;;
        dnf) privileged dnf install -y $packages ;;
        pacman) privileged pacman -S --needed --noconfirm $packages ;;
        brew) run brew install $packages >&2 ;;
    esac || fail "missing: $*; that command did not install them: see above"
}

privileged() {
    if [ "$EUID" = 0 ]; then
        run "$@" </dev/null >&2
    elif have sudo; then
        run sudo "$@" </dev/null >&2
    else
        fail "neither root nor sudo here; as root: $*"
    fi
}

# What apt knows may be missing or too old to be downloaded: the second attempt is with new lists.
install_apt() {
    plan_apt "$@"
    privileged "${plan[@]}" && return
    privileged apt-get update || return
    case " $* " in *" qemu-system-riscv "*) set -- "${@/#qemu-system-riscv/$(apt_qemu)}" ;; esac
    plan_apt "$@"
    privileged "${plan[@]}"
}

# Sets `plan` to the command: the plain one, or, where that would fail because a newer qemu-utils (a backport, say) is
# there already, one that takes qemu-utils back to QEMU's version. Never one that removes a package.
plan_apt() {
    local apt=(apt-get install -y --no-install-recommends --no-remove) version
    plan=("${apt[@]}" "$@")
    "${plan[@]}" --simulate >/dev/null 2>&1 && return
    version=$(apt-cache policy "$(apt_qemu)" 2>/dev/null | sed -n 's/^ *Candidate: //p')
    apt+=(--allow-downgrades "$@" "qemu-utils=$version")
    ! "${apt[@]}" --simulate >/dev/null 2>&1 || plan=("${apt[@]}")
}
