#!/bin/sh
# Runs one fuzz target under libFuzzer: tests/fuzz/run.sh TARGET [SECONDS]. Needs a nightly compiler, a C++ compiler and
# cargo-fuzz (cargo install cargo-fuzz). New inputs of interest go to a folder it names; keep one by moving it to corpus/TARGET.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
targets=$(sed -n 's/^    ("\([a-z_]*\)", .*/\1/p' "$here/src/lib.rs")
target=${1:-}
case " $(echo "$targets" | tr '\n' ' ') " in
    *" $target "*) ;;
    *) echo "usage: $0 TARGET [SECONDS], with TARGET one of:" "$targets" >&2; exit 2 ;;
esac
found=$(mktemp -d)
echo "== $target for ${2:-60} seconds; new inputs go to $found"
# The program is built under the short-lived nightly, so it gets a folder of its own.
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$HOME/.cache/windlass/target}/fuzz
export CARGO_TARGET_DIR
cd "$here/cargo-fuzz"
cargo +nightly fuzz run --fuzz-dir . --sanitizer none "$target" "$found" "$here/corpus/$target" -- \
    -max_total_time="${2:-60}" -timeout=10 -rss_limit_mb=2048
