#!/usr/bin/env bash
# Installs what debug/tests/page runs: Chromium, a font, playwright-core, which steers it, and speedscope, which opens profiles; the last two
# in target/page. Does nothing where it is there.
set -eu

modules="playwright-core@1.65.1 speedscope@1.25.0"

cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source-path=SCRIPTDIR/../../.. source=debug/tests/vscode/words.sh
. debug/tests/vscode/words.sh
# shellcheck source-path=SCRIPTDIR/../../.. source=run/tools.sh
. run/tools.sh
folder=${CARGO_TARGET_DIR:-target}/page
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
have chromium || have chromium-browser || have google-chrome || install chromium fonts
if [ ! -e "$folder/node_modules/playwright-core" ] || [ ! -e "$folder/node_modules/speedscope" ]; then
    [ -z "${NO_INSTALL:-}" ] || fail "missing; NO_INSTALL is set, so install with npm in $folder: $modules"
    # shellcheck disable=SC2086 # two words
    # Node.js with npm is what debug/tests/vscode/install.sh has put there.
    PATH="$folder/../vscode/python/bin:$PATH" NODE_DISABLE_COMPILE_CACHE=1 run timeout 300 npm install --cache "$folder/npm" --prefix "$folder" --no-save --no-audit --no-fund \
        --ignore-scripts --loglevel=error $modules >&2
fi
