#!/bin/sh
# Builds Flux's own source-controller and kustomize-controller once, from their Go modules, and prints where they
# are, a line each. Tests let a cluster go from Flux to windlass and back.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"

# The controllers' go.mod looks for their API next to them, where their repository has it and the module has not.
prepare() { # folder
    copy_module "$module" "$1"
    copy_module "$module/api" "$1/api"
    [ "$controller" = source-controller ] || return 0
    # Not every version of this one can be fetched everywhere; the interface is the same.
    copy_module "$artifact" "$1/artifact"
    (cd "$1" && go mod edit -replace="$artifact=./artifact")
}

artifact=github.com/fluxcd/pkg/artifact
for controller in source-controller kustomize-controller; do
    module=github.com/fluxcd/$controller
    build_once "$controller" "$(version_of "$module")" .
done
