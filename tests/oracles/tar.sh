#!/bin/sh
# Builds the program in tests/oracles/tar once, which lists archives as Go's archive/tar reads them, and prints where it
# is. The folder's name is the hash of what is built and with what.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
source=$here/tar
hash=$({ cat "$source"/*.go "$source/go.mod"; go env GOVERSION; } | sha256sum | cut -c1-16)
target=$cache/tar-$hash
if [ ! -x "$target/tar" ]; then
    lock_build tar
    work_folder tar
    (cd "$source" && go build -trimpath -ldflags "-s -w" -o "$work/tar" .) >&2
    mkdir -p "$target"
    mv "$work/tar" "$target/tar"
fi
echo "$target/tar"
