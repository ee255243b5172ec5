# shellcheck shell=bash disable=SC2034,SC2154 # variables that run.sh shares
# Finds the tools that run.sh needs, and installs missing ones. Sourced by run.sh, whose say, fail, have and run it uses.

# In order of preference. They are the names in Debian; Homebrew and Arch; builds from source; xPack; others.
gdb_names='gdb-multiarch riscv64-elf-gdb riscv64-unknown-elf-gdb riscv64-unknown-linux-gnu-gdb riscv-none-elf-gdb gdb'

# Makes sure of each TOOL: rust, qemu, qemu-img, gdb, shellcheck. For gdb, sets GDB.
need() {
    local tool missing=()
    for tool; do found "$tool" || missing+=("$tool"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    install "${missing[@]}"
    for tool in "${missing[@]}"; do
        found "$tool" || fail "$tool was installed but cannot be found. Is its folder in PATH?"
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
    case $QEMU in */*) no_program QEMU ;; esac
    return 1
}

# Exits and says why the program that the variable $1 names cannot run.
no_program() {
    [ ! -e "${!1}" ] || fail "$1=${!1} is not an executable"
    fail "no such program: ${!1} (from $1)"
}

# A GDB without RISC-V does not count. If GDB is set, no other GDB is tried.
found_gdb() {
    local name
    if [ -n "${GDB:-}" ]; then
        have "$GDB" || no_program GDB
        knows_riscv "$GDB" || fail "GDB=$GDB does not support RISC-V (riscv:rv64); try: another GDB, or unset GDB"
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

# Rust is the only tool that run.sh does not install: rustup is not a package.
found_rust() {
    local libraries
    # Neither Rust's tools nor bash's pipes to a function do without.
    [ -d /dev/fd/ ] || fail "/dev/fd does not exist: is /proc mounted? try: mount -t proc proc /proc"
    { have cargo && have rustc; } || fail "missing: cargo; try: install Rust from https://rustup.rs, then run this again"
    libraries=$(rustc --print target-libdir --target "$target") || fail "rustc failed, see above"
    [ -d "$libraries" ] && return
    have rustup || fail "missing: Rust's target $target; try: install rustup from https://rustup.rs, which can add it"
    [ -z "${NO_INSTALL:-}" ] || fail "missing: Rust's target; NO_INSTALL is set; try: rustup target add $target"
    run rustup target add "$target" >&2 || fail "could not add Rust's target $target, see above"
}

# Prints the package that contains the TOOL $2 for the package manager $1.
package() {
    case $1:$2 in
        apt-get:qemu) apt_qemu ;;
        apt-get:qemu-img) echo qemu-utils ;;
        apt-get:gdb) echo gdb-multiarch ;;
        dnf:qemu | pacman:qemu) echo qemu-system-riscv ;;
        dnf:shellcheck) echo ShellCheck ;;
        pacman:gdb | brew:gdb) echo riscv64-elf-gdb ;;
        brew:qemu-img) echo qemu ;;
        brew:clang | brew:lldb) echo llvm ;;
        *:ld.lld) echo lld ;;
        *:llvm-objcopy) echo llvm ;;
        apt-get:lldb) apt_lldb ;;
        apt-get:venv) echo python3-venv ;;
        apt-get:libpython) python3 -c 'import sys; print("libpython%d.%d" % sys.version_info[:2])' ;;
        apt-get:ip | pacman:ip) echo iproute2 ;;
        apt-get:fonts) echo fonts-dejavu-core ;;
        dnf:libpython) echo python3-libs ;;
        dnf:ip) echo iproute ;;
        dnf:fonts) echo dejavu-sans-fonts ;;
        dnf:venv | brew:venv | brew:libpython) echo python3 ;;
        pacman:venv | pacman:libpython) echo python ;;
        pacman:fonts) echo ttf-dejavu ;;
        *) echo "$2" ;;
    esac
}

# Since Debian 13, qemu-system-misc does not contain riscv64.
apt_qemu() {
    case $(apt-cache show --no-all-versions qemu-system-misc 2>/dev/null) in
        *Provides:*qemu-system-riscv64*) echo qemu-system-misc ;;
        *) echo qemu-system-riscv ;;
    esac
}

# The newest version in apt that .vscode/lldb-dap accepts. The package lldb is older.
apt_lldb() {
    local version
    for version in 24 23 22 21 20; do
        [ -z "$(apt-cache show --no-all-versions "lldb-$version" 2>/dev/null)" ] || break
    done
    echo "lldb-$version"
}

# Sets `manager` to the system's package manager; empty if none is known.
find_manager() {
    local name
    manager=''
    for name in apt-get dnf pacman brew; do
        if have "$name"; then
            manager=$name
            break
        fi
    done
}

# Returns whether run.sh may install missing tools; `obstacle` says why not.
may_install() {
    local manager
    find_manager
    obstacle=''
    if [ -n "${NO_INSTALL:-}" ]; then
        obstacle='NO_INSTALL is set'
    elif [ -z "$manager" ]; then
        obstacle='no known package manager'
    elif [ "$manager" != brew ] && [ "$EUID" != 0 ] && ! have sudo; then
        obstacle='neither root nor sudo'
    fi
    [ -z "$obstacle" ]
}

# Installs TOOLs with the system's package manager. Prints the command first; exits if it fails.
install() {
    local manager plan
    find_manager
    plan_with "${manager:-apt-get}" "$@"
    [ -n "$manager" ] || fail "missing: $*; found none of apt, dnf, pacman, brew; on Debian the command is: ${plan[*]}"
    [ -z "${NO_INSTALL:-}" ] || fail "missing: $*; NO_INSTALL is set; try: ${plan[*]}"
    as_root "${plan[@]}" && return
    if [ "$manager" = apt-get ]; then
        as_root apt-get update || : # apt's lists may be missing or out of date
        plan_with "$manager" "$@"
        as_root "${plan[@]}" && return
    fi
    fail "missing: $*; this command failed, see above: ${plan[*]}"
}

# Sets `plan` to the command with which the package manager $1 installs the TOOLs in the other arguments.
plan_with() {
    local manager=$1 name packages=()
    shift
    for name; do packages+=("$(package "$manager" "$name")"); done
    case $manager in
        apt-get) plan_apt "${packages[@]}" ;;
        dnf) plan=(dnf install -y "${packages[@]}") ;;
        pacman) plan=(pacman -S --needed --noconfirm "${packages[@]}") ;;
        brew) plan=(brew install "${packages[@]}") ;;
    esac
}

# Uses the plain command. If that would fail because a newer qemu-utils is installed (from backports, say), the command also
# downgrades qemu-utils to QEMU's version. It never removes a package.
plan_apt() {
    local pinned
    plan=(apt-get install -y --no-install-recommends --no-remove "$@")
    "${plan[@]}" --simulate >/dev/null 2>&1 && return
    pinned=qemu-utils=$(apt-cache policy "$(apt_qemu)" 2>/dev/null | sed -n 's/^ *Candidate: //p')
    if "${plan[@]}" --allow-downgrades "$pinned" --simulate >/dev/null 2>&1; then
        plan+=(--allow-downgrades "$pinned")
    fi
}

# Homebrew refuses to run as root.
as_root() {
    if [ "$1" = brew ] || [ "$EUID" = 0 ]; then
        run "$@" </dev/null >&2
    elif have sudo; then
        run sudo "$@" </dev/null >&2
    else
        fail "cannot become root: there is no sudo; try, as root: $*"
    fi
}
