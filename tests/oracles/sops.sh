#!/bin/sh
# Builds the real sops and age-keygen once, from their Go modules, and prints the folder they are in. Words
# for people go to stderr; status 77 says that Go cannot fetch the modules.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
source=$here/sops
module=github.com/getsops/sops/v3
version=$(sed -n "s|^\t$module v\([0-9.]*\).*|\1|p" "$source/go.mod")
target=$cache/sops-$version
if [ -x "$target/sops" ] && [ -x "$target/age-keygen" ]; then
    echo "$target"
    exit 0
fi

lock_build sops
if [ ! -x "$target/sops" ] || [ ! -x "$target/age-keygen" ]; then
    work_folder sops
    cd "$source"
    # Only what these two need, not all that stands in go.sum.
    go list -deps "$module/cmd/sops" filippo.io/age/cmd/age-keygen >"$work/packages" || unfetched sops "$module"
    echo "building sops $version: about 4 minutes on 2 cores the first time" >&2
    for program in "$module/cmd/sops" filippo.io/age/cmd/age-keygen; do
        go build -trimpath -ldflags "-s -w" -o "$work/${program##*/}" "$program" >&2
    done
    rm -rf "$target"
    mkdir -p "$target"
    mv "$work/sops" "$work/age-keygen" "$target/"
fi
echo "$target"
