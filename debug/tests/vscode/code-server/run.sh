#!/usr/bin/env bash
# Runs F5 in VS Code itself: code-server, in a headless Chromium that walk.mjs steers. The screenshots go to
# target/vscode/pictures. Downloads half a gigabyte into the target folder when it is run first; needs a Debian.
#
# The marketplace, and so the extensions CDT GDB Debug Adapter and GDB DAP, are out of reach of a test: extension/ declares their
# types and their adapters, which are the real ones.
set -eu

server=code-server@4.139.1
browser=playwright-core@1.65.1
deadline=300

install_server() {
    [ ! -e "$folder/code-server/complete" ] || return 0
    [ -z "${NO_INSTALL:-}" ] || fail "missing; NO_INSTALL is set, so install with npm in $folder/code-server: $server $browser"
    mkdir -p "$folder/code-server"
    # Without scripts: they would compile modules that code-server does without. Its own dependencies are two lists.
    npm_install "$folder/code-server" "$server" "$browser"
    npm_install "$folder/code-server/node_modules/code-server/lib/vscode" --omit=dev
    : >"$folder/code-server/complete"
}

npm_install() {
    PATH="$folder/python/bin:$PATH" NODE_DISABLE_COMPILE_CACHE=1 run npm install --cache "$folder/npm" --prefix "$@" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error >&2
}

install_browser() {
    CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v google-chrome || :)}
    if [ -z "$CHROMIUM" ]; then
        install chromium fonts
        CHROMIUM=$(command -v chromium || command -v chromium-browser) || fail "Chromium has another name here; try: CHROMIUM=its name"
    fi
    export CHROMIUM
}

install_extension() {
    local extension="$folder/extensions/tests.debuggers-stand-in-1.0.0"
    rm -rf "$folder/extensions"
    mkdir -p "$extension"
    cp debug/tests/vscode/code-server/extension/* "$extension/"
    ln -sfn "$folder/node_modules" "$extension/node_modules"
}

# Starts code-server, and sets `address`. Its settings and state are new each time.
start_server() {
    local port=8943 log="$state/code-server.log" waited=0
    mkdir -p "$state/User"
    : >"$log"
    cp debug/tests/vscode/code-server/settings.json "$state/User/"
    XDG_CONFIG_HOME="$state" DAP_GDB="$folder/gdb" "$folder/node" "$folder/code-server/node_modules/code-server/out/node/entry.js" \
        --auth none --bind-addr "127.0.0.1:$port" --user-data-dir "$state" --extensions-dir "$folder/extensions" \
        --disable-telemetry --disable-update-check --disable-workspace-trust >"$log" 2>&1 &
    server=$!
    address=http://127.0.0.1:$port
    until grep -q "HTTP server listening" "$log"; do
        kill -0 "$server" 2>/dev/null || fail "code-server ended: $(cat "$log")"
        [ "$waited" -lt 300 ] || fail "code-server did not listen within 30 seconds: $(cat "$log")"
        waited=$((waited + 1))
        sleep 0.1
    done
}

end_server() {
    kill "$server" 2>/dev/null || :
    wait "$server" 2>/dev/null || :
    rm -rf "$state"
}

cd "$(dirname "${BASH_SOURCE[0]}")/../../../.."
# shellcheck source-path=SCRIPTDIR/../../../.. source=debug/tests/vscode/words.sh
. debug/tests/vscode/words.sh
if [ "${1:-}" != --inside ]; then
    debug/tests/vscode/install.sh
    # shellcheck source-path=SCRIPTDIR/../../../.. source=run/tools.sh
    . run/tools.sh
    folder=${CARGO_TARGET_DIR:-target}/vscode
    folder=$(cd "$folder" && pwd)
    install_server
    install_browser
    have ps || install procps # walk.mjs looks for what is left
    install_extension
    # F5 does too, but walk.mjs is to wait for VS Code, not for cargo.
    run ./run.sh --build >&2
    run cargo build --quiet --release --package debug >&2
    # Port 1234 is free there, whoever is left at the end can be told from others, and nobody outlives it.
    sandbox=(unshare --net --pid --fork --kill-child --mount-proc)
    [ "$EUID" = 0 ] || sandbox+=(--map-root-user)
    exec timeout --foreground "$deadline" "${sandbox[@]}" "$0" --inside "$folder"
fi

folder=$2
state=$(mktemp -d)
trap end_server EXIT
ip link set lo up
start_server
mkdir -p "$folder/pictures"
cp debug/tests/vscode/code-server/walk.mjs "$folder/code-server/" # where its import is found
"$folder/node" "$folder/code-server/walk.mjs" "$address" "$folder/pictures"
