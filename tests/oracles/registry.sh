#!/bin/sh
# Builds the CNCF's registry once, from its Go module, and prints where it is. Tests put charts and artifacts into it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
module=github.com/distribution/distribution/v3

prepare() { # folder
    copy_module "$module" "$1"
}

build_once registry "$(version_of $module)" ./cmd/registry
