#!/bin/sh
# Builds the real sops and age-keygen once, from their Go modules, and prints the folder they are in. Words
# for people go to stderr; status 77 says that Go cannot fetch the modules.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${WINDLASS_CACHE:-$HOME/.cache/windlass}
source=$here/sops
module=github.com/getsops/sops/v3
version=$(sed -n "s|^\t$module v\([0-9.]*\).*|\1|p" "$source/go.mod")
target=$cache/sops-$version
if [ -x "$target/sops" ] && [ -x "$target/age-keygen" ]; then
    echo "$target"
    exit 0
fi
command -v go >/dev/null || { echo "the sops command needs Go 1.26 or newer: https://go.dev/doc/install" >&2; exit 1; }

mkdir -p "$cache"
exec 9>"$cache/sops.lock"
flock -n 9 || { echo "waiting for another build of sops to end" >&2; flock 9; }
if [ ! -x "$target/sops" ] || [ ! -x "$target/age-keygen" ]; then
    rm -rf "$cache"/building-sops-*
    work=$(mktemp -d "$cache/building-sops-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    cd "$source"
    # Only what these two need, not all that stands in go.sum.
    if ! go list -deps "$module/cmd/sops" filippo.io/age/cmd/age-keygen >"$work/packages"; then
        echo "SKIPPED: Go cannot fetch $module, so nothing is compared with the real sops command" >&2
        exit 77
    fi
    echo "building sops $version: about 4 minutes on 2 cores the first time" >&2
    for program in "$module/cmd/sops" filippo.io/age/cmd/age-keygen; do
        go build -trimpath -ldflags "-s -w" -o "$work/${program##*/}" "$program" >&2
    done
    rm -rf "$target"
    mkdir -p "$target"
    mv "$work/sops" "$work/age-keygen" "$target/"
fi
echo "$target"
