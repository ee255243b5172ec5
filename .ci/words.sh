# shellcheck shell=bash
# Messages and test counts for the scripts in this folder, which source it.

say() { printf '%s\n' "${0##*/}: $*" >&2; }

fail() {
    say "$@"
    exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

run() {
    printf '+ %s\n' "$*" >&2
    "$@"
}

# Prints `N passed, N failed`: the sum of cargo test's results, and of cargo-nextest's, in the file $1.
count_tests() {
    awk '/^test result: |^ *Summary .* tests? run: / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i - 1); if ($i ~ /^failed/) failed += $(i - 1) } }
        END { printf "%d passed, %d failed\n", passed, failed }' "$1"
}

# Prints what cargo test said of the failed tests in the file $1: for each program at most 80 lines.
show_failures() {
    awk '/^failures:$/ && !shown { shown = 1; lines = 0; next }
        /^test result: / { shown = 0 }
        shown && lines++ < 80' "$1"
}
