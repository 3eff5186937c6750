#!/bin/sh
# Makes the file system of a node (Debian 12 with systemd) once and prints the folder it is in. As with the control
# plane, the folder's name is the hash of what the build reads: this file. Words for people go to stderr. Needs root.
set -eu
suite=bookworm
packages=systemd,systemd-sysv,dbus,ca-certificates,openssh-client,libfaketime
cache=${WINDLASS_CACHE:-$HOME/.cache/windlass}
target=$cache/node-$(sha256sum <"$0" | cut -c1-16)

progress() {
    count=0
    while IFS= read -r line; do
        case $line in
            "I: Retrieving "* | "I: Validating "* | "I: Unpacking "* | "I: Configuring "*)
                count=$((count + 1))
                [ $((count % 50)) != 0 ] || echo "making the node: $count steps of about 500: ${line#I: }"
                ;;
            W:* | E:*) echo "$line" ;;
        esac
    done
}

if [ ! -d "$target" ]; then
    [ "$(id -u)" = 0 ] || { echo "making the node's file system needs root" >&2; exit 1; }
    "$(dirname -- "$0")/../bootstrap.sh" debootstrap systemd-nspawn:systemd-container >&2
    mkdir -p "$cache"
    # One builder at a time; whoever waited finds the work done. The kernel drops the lock with its holder.
    exec 9>"$cache/node.lock"
    flock -n 9 || { echo "waiting for another build of the node to end" >&2; flock 9; }
fi
if [ ! -d "$target" ]; then
    rm -rf "$cache"/making-node-*
    work=$(mktemp -d "$cache/making-node-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    chmod 755 "$work"
    echo "making the node: Debian $suite with systemd, 260 MB, about 75 s" >&2
    { /usr/sbin/debootstrap --variant=minbase --include="$packages" "$suite" "$work" 2>&1 && touch "$work/complete"; } | progress >&2
    [ -e "$work/complete" ] || { echo "debootstrap failed, see above" >&2; exit 1; }
    # Every node makes an id and a name of its own at its first boot.
    : >"$work/etc/machine-id"
    rm -rf "$work/complete" "$work/etc/hostname" "$work/var/cache/apt/archives"/*.deb "$work/var/lib/apt/lists"/*
    mv -T "$work" "$target"
fi
echo "$target"
