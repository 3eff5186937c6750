#!/bin/sh
# Sees to the programs that tests and demo start: installs what is missing when it may, else says how.
# Programs named on the command line are needed too; a package of another name follows a colon.
set -eu
missing=''
need() { # program, Debian package
    command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || missing="$missing $2"
}
need gcc gcc
need git git
need ssh openssh-client
need sshd openssh-server
need setpriv util-linux
need strace strace
need cargo cargo-from-rustup
need go go-1.26
for program; do need "${program%%:*}" "${program##*:}"; done
case $missing in
    *cargo-from-rustup*) echo "Rust is missing: https://rustup.rs" >&2; exit 1 ;;
    *go-1.26*) echo "Go 1.26 or newer is missing: https://go.dev/doc/install" >&2; exit 1 ;;
esac
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing programs; install them with: sudo apt-get install -y$missing" >&2
        exit 1
    fi
    echo "installing$missing"
    apt-get update -q
    # shellcheck disable=SC2086 # one word per package
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi
"$(dirname -- "$0")/controlplane/build.sh"
