#!/bin/sh
# Builds the real flux command once, from its Go module, and prints where it is. Tests run it against a
# cluster that windlass leads.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
module=github.com/fluxcd/flux2/v2

prepare() { # folder
    copy_module "$module" "$1"
    # The manifests that `flux install` writes are made at a release and are not in the module; nothing
    # that is compared here reads them.
    mkdir "$1/cmd/flux/manifests"
    : >"$1/cmd/flux/manifests/none.yaml"
}

build_once flux "$(version_of $module)" ./cmd/flux
