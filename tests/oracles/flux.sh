#!/bin/sh
# Builds the real flux command once, from its Go module, and prints where it is. Tests run it against a
# cluster that windlass leads. Words for people go to stderr; status 77 says that Go cannot fetch it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${WINDLASS_CACHE:-$HOME/.cache/windlass}
module=github.com/fluxcd/flux2/v2
version=$(sed -n "s|^\t$module v||p" "$here/go.mod")
target=$cache/flux-$version
if [ -x "$target/flux" ]; then
    echo "$target/flux"
    exit 0
fi
command -v go >/dev/null || { echo "the flux command needs Go 1.26 or newer: https://go.dev/doc/install" >&2; exit 1; }

unfetched() {
    echo "SKIPPED: Go cannot fetch $1, so nothing is compared with the real flux command" >&2
    exit 77
}

progress() { # number of packages
    count=0
    while IFS= read -r line; do
        case $line in
            "go: "* | *[!a-zA-Z0-9_./~-]*) echo "$line" ;;
            *)
                count=$((count + 1))
                [ $((count % 100)) != 0 ] || echo "building flux: $count packages of $1"
                ;;
        esac
    done
}

mkdir -p "$cache"
exec 9>"$cache/flux.lock"
flock -n 9 || { echo "waiting for another build of flux to end" >&2; flock 9; }
if [ ! -x "$target/flux" ]; then
    rm -rf "$cache"/building-flux-*
    work=$(mktemp -d "$cache/building-flux-XXXXXX")
    trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    echo "building flux $version: looking at what is to be compiled (the first time, modules are downloaded)" >&2
    # Through tests/oracles, so that go.sum there vouches for the module.
    source=$(cd "$here" && go mod download -json "$module@v$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') || true
    [ -n "$source" ] || unfetched "$module"
    cp -R "$source" "$work/source"
    chmod -R u+w "$work/source"
    # The manifests that `flux install` writes are made at a release and are not in the module; nothing
    # that is compared here reads them.
    mkdir "$work/source/cmd/flux/manifests"
    : >"$work/source/cmd/flux/manifests/none.yaml"
    cd "$work/source"
    packages=$(go list -trimpath -deps -f '{{if .Stale}}x{{end}}' ./cmd/flux) || unfetched "what $module needs"
    total=$(echo "$packages" | grep -c x) || true
    echo "building flux: $total packages; about 5 minutes on 2 cores when all are new" >&2
    { go build -v -trimpath -ldflags "-s -w -X main.VERSION=$version" -o "$work/flux" ./cmd/flux 2>&1 || true; } | progress "$total" >&2
    [ -x "$work/flux" ] || { echo "building flux failed, see above" >&2; exit 1; }
    mkdir -p "$target"
    mv "$work/flux" "$target/flux"
fi
echo "$target/flux"
