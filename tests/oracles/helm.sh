#!/bin/sh
# Builds Helm (the `helm` command and the oracle in tests/oracles/helm) once, from its Go module, and prints
# the folder both are in; with --built it builds nothing and fails where there is no such folder. The
# folder's name is the hash of everything the build reads. Words for people go to stderr; status 77 says
# that Go cannot fetch it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
here=$here/helm
cache=$cache/bin
version=$(sed -n 's|^require helm.sh/helm/v4 v||p' "$here/go.mod")
hash=$(cd "$here" && cat go.mod go.sum ./*.go | sha256sum | cut -c1-16)
target=$cache/helm-$version-$hash
if [ -x "$target/oracle" ]; then
    echo "$target"
    exit 0
fi
[ "${1:-}" != --built ] || exit 1

lock_build helm
if [ ! -x "$target/oracle" ]; then
    work_folder helm
    cd "$here"
    echo "building helm $version: looking at what is to be compiled (the first time, modules are downloaded)" >&2
    packages=$(go list -trimpath -deps -f '{{if .Stale}}x{{end}}' . helm.sh/helm/v4/cmd/helm) || unfetched helm "its modules"
    total=$(echo "$packages" | grep -c x) || true
    echo "building helm: $total packages; about 5 minutes on 2 cores when all are new" >&2
    go build -trimpath -ldflags "-s -w" -o "$work/helm" helm.sh/helm/v4/cmd/helm
    go build -trimpath -ldflags "-s -w" -o "$work/oracle" .
    chmod 755 "$work"
    mv -T "$work" "$target"
fi
echo "$target"
