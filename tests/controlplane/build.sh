#!/bin/sh
# Builds the control plane (etcd, API server, controller-manager, scheduler, kwok) once and prints the
# folder it is in. The folder's name is the hash of everything the build reads, so a finished build is
# found again in milliseconds and a changed one never overwrites it. Words for people go to stderr.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${WINDLASS_CACHE:-$HOME/.cache/windlass}
# Without a version in the binary, clients cannot parse what /version answers.
version=$(sed -n 's/^\tk8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' "$here/go.mod")
flags="-s -w -X k8s.io/component-base/version.gitVersion=$version"

hash=$( (echo "$flags" && cd "$here" && cat go.mod go.sum ./*.go kwok/go.mod kwok/go.sum) | sha256sum | cut -c1-16)
target=$cache/controlplane-$hash
if [ -x "$target/controlplane" ]; then
    echo "$target"
    exit 0
fi
command -v go >/dev/null || { echo "the control plane needs Go 1.26 or newer: https://go.dev/doc/install" >&2; exit 1; }

# Counts the packages as they are compiled: the first build is long, and silence looks like a hang.
compile() { # name, folder, package, linker flags
    echo "building $1: looking at what is to be compiled (the first time, modules are downloaded)" >&2
    total=$(cd "$2" && go list -trimpath -deps -f '{{if .Stale}}x{{end}}' "$3" | grep -c x) || true
    echo "building $1: $total packages; about 8 minutes on 2 cores when all are new, 1 minute when few are" >&2
    { cd "$2" && go build -v -trimpath -ldflags "$4" -o "$work/$1" "$3" 2>&1 || true; } | progress "$1" "$total" >&2
    [ -x "$work/$1" ] || { echo "building $1 failed, see above" >&2; exit 1; }
}

progress() { # name, number of packages
    count=0
    while IFS= read -r line; do
        case $line in
            "go: "* | *[!a-zA-Z0-9_./~-]*) echo "$line" ;;
            *)
                count=$((count + 1))
                [ $((count % 50)) != 0 ] || echo "building $1: $count packages of $2"
                ;;
        esac
    done
}

mkdir -p "$cache"
# One builder at a time; whoever waited finds the work done. The kernel drops the lock with its holder.
exec 9>"$cache/controlplane.lock"
flock -n 9 || { echo "waiting for another build of the control plane to end" >&2; flock 9; }
if [ ! -x "$target/controlplane" ]; then
    rm -rf "$cache"/building-*
    work=$(mktemp -d "$cache/building-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    compile kwok "$here/kwok" sigs.k8s.io/kwok/cmd/kwok "-s -w"
    compile controlplane "$here" . "$flags"
    for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
        ln -s controlplane "$work/$name"
    done
    chmod 755 "$work"
    mv -T "$work" "$target"
fi
echo "$target"
