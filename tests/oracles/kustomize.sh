#!/bin/sh
# Builds the real kustomize and the oracle that tests ask, once, from their Go modules, and prints the
# folder they are in. Words for people go to stderr; status 77 says that Go cannot fetch the modules.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
source=$here/kustomize
version=$(sed -n 's|^\tsigs.k8s.io/kustomize/kustomize/v5 v||p' "$source/go.mod")
sources=$(cat "$source/main.go" "$source/go.mod" "$source/go.sum" | sha256sum | cut -c 1-16)
target=$cache/kustomize-$version-$sources
if [ -x "$target/kustomize" ] && [ -x "$target/kustomize-oracle" ]; then
    echo "$target"
    exit 0
fi

lock_build kustomize
if [ ! -x "$target/kustomize" ] || [ ! -x "$target/kustomize-oracle" ]; then
    work_folder kustomize
    cd "$source"
    go mod download >&2 || unfetched kustomize "its modules"
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
