#!/bin/sh
# Builds the real promtool once, from Prometheus' Go module, and prints where it is. Tests let it judge the metrics,
# the rules and what these say of them.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/lib.sh"
module=github.com/prometheus/prometheus
# Without the clients of every cloud, in which nothing is discovered here.
export GOFLAGS=-tags=remove_all_sd

prepare() { # folder
    copy_module "$module" "$1"
    # It lists parts that are no part of the module.
    rm -f "$1/go.work" "$1/go.work.sum"
}

build_once promtool "$(version_of $module)" ./cmd/promtool
