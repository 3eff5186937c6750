#!/bin/sh
# Builds a server that speaks S3 once, from its Go module, and prints where it is. Tests put buckets into it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
module=github.com/versity/versitygw

prepare() { # folder
    copy_module "$module" "$1"
}

build_once versitygw "$(version_of $module)" ./cmd/versitygw
