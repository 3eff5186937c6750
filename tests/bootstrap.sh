#!/bin/sh
# Sees to the programs that tests and demo start: installs what is missing when it may, else says how.
# Programs named on the command line are needed too; a package of another name follows a colon.
set -eu
missing=''
need() { # program, Debian package
    command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || missing="$missing $2"
}
need gcc "gcc libc6-dev"
# The compiler only recommends the C library's headers.
echo '#include <stdlib.h>' | gcc -E - >/dev/null 2>&1 || missing="$missing libc6-dev"
need git git
need gpg gnupg
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

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# Started in the folders that say which version they need, rustup and Go 1.21 or newer fetch that one if they may.
wanted=$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$here/../rust-toolchain.toml")
found=$(cd "$here/.." && cargo --version | cut -d ' ' -f 2)
if [ "$found" != "$wanted" ]; then
    echo "rust-toolchain.toml asks for Rust $wanted, and $(command -v cargo) is ${found:-of no version it can name}:" \
        "install rustup, which reads that file (https://rustup.rs), and put ~/.cargo/bin first in PATH" >&2
    exit 1
fi
wanted=$(sed -n 's/^go //p' "$here/controlplane/go.mod")
found=$(cd "$here/controlplane" && go version | sed -n 's/^go version go\([^ ]*\).*/\1/p')
if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
    echo "tests/controlplane/go.mod asks for Go $wanted or newer, and $(command -v go) is" \
        "${found:-of no version it can name}: https://go.dev/doc/install" >&2
    exit 1
fi

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
"$here/controlplane/build.sh"
