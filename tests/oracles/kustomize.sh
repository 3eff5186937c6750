#!/bin/sh
# Builds the real kustomize and the oracle that tests ask, once, from their Go modules, and prints the
# folder they are in. Words for people go to stderr; status 77 says that Go cannot fetch the modules.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${WINDLASS_CACHE:-$HOME/.cache/windlass}
source=$here/kustomize
version=$(sed -n 's|^\tsigs.k8s.io/kustomize/kustomize/v5 v||p' "$source/go.mod")
sources=$(cat "$source/main.go" "$source/go.mod" "$source/go.sum" | sha256sum | cut -c 1-16)
target=$cache/kustomize-$version-$sources
if [ -x "$target/kustomize" ] && [ -x "$target/kustomize-oracle" ]; then
    echo "$target"
    exit 0
fi
command -v go >/dev/null || { echo "kustomize needs Go 1.26 or newer: https://go.dev/doc/install" >&2; exit 1; }

mkdir -p "$cache"
exec 9>"$cache/kustomize.lock"
flock -n 9 || { echo "waiting for another build of kustomize to end" >&2; flock 9; }
if [ ! -x "$target/kustomize" ] || [ ! -x "$target/kustomize-oracle" ]; then
    rm -rf "$cache"/building-kustomize-*
    work=$(mktemp -d "$cache/building-kustomize-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    cd "$source"
    if ! go mod download >&2; then
        echo "SKIPPED: Go cannot fetch kustomize, so nothing is compared with it" >&2
        exit 77
    fi
    echo "building kustomize $version: about a minute the first time" >&2
    # The version stands in the label of buildMetadata: [managedByLabel].
    flags="-s -w -X sigs.k8s.io/kustomize/api/provenance.version=v$version"
    go build -trimpath -ldflags "$flags" -o "$work/kustomize" sigs.k8s.io/kustomize/kustomize/v5 >&2
    go build -trimpath -ldflags "$flags" -o "$work/kustomize-oracle" . >&2
    rm -rf "$target"
    mkdir -p "$target"
    mv "$work/kustomize" "$work/kustomize-oracle" "$target/"
fi
echo "$target"
