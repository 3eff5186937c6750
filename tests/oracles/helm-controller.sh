#!/bin/sh
# Builds Flux's helm-controller and the oracle in tests/oracles/helm-controller once, from the controller's Go
# module, and prints the folder both are in; with --built it builds nothing and fails where there is no such
# folder. The folder's name is the hash of the oracle and the pinned module. Status 77 says that Go cannot fetch it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
program=helm-controller
module=github.com/fluxcd/helm-controller
version=$(version_of "$module")
target=$cache/bin/$program-$version-$({ grep "^$module" "$here/go.sum"; cat "$here/$program/main.go"; } | sha256sum | cut -c1-16)
if [ -x "$target/oracle" ]; then
    echo "$target"
    exit 0
fi
[ "${1:-}" != --built ] || exit 1

lock_build "$program"
if [ ! -x "$target/oracle" ]; then
    work_folder "$program"
    # Its go.mod looks for the API next to it, where the repository has it and the module has not.
    copy_module "$module" "$work/source"
    copy_module "$module/api" "$work/source/api"
    mkdir -p "$work/source/internal/oracle" "$work/built" "$cache/bin"
    cp "$here/$program/main.go" "$work/source/internal/oracle"
    cd "$work/source"
    echo "building $program $version: looking at what is to be compiled (the first time, modules are downloaded)" >&2
    packages=$(go list -trimpath -deps -f '{{if .Stale}}x{{end}}' . ./internal/oracle) || unfetched "$program" "its modules"
    total=$(echo "$packages" | grep -c x) || true
    echo "building $program: $total packages; about 5 minutes on 2 cores when all are new" >&2
    go build -trimpath -ldflags "-s -w -X main.VERSION=$version" -o "$work/built/helm-controller" .
    go build -trimpath -ldflags "-s -w" -o "$work/built/oracle" ./internal/oracle
    rm -rf "$target"
    mv -T "$work/built" "$target"
fi
echo "$target"
