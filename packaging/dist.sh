#!/bin/sh
# Makes the archive that installs a node, on which nothing is compiled: dist.sh BINARY ARCHITECTURE FOLDER.
# The same commit and binary give the same bytes. Prints the archive's path; beside it lies its checksum.
set -eu
[ $# = 3 ] || { echo "usage: dist.sh BINARY ARCHITECTURE FOLDER" >&2; exit 2; }
binary=$1 architecture=$2 folder=$3
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# Not asked of the binary, which may be one for another machine.
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
[ -n "$version" ] || { echo "Cargo.toml names no version" >&2; exit 1; }
name=windlass-$version-linux-$architecture
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder" "$work/$name/packaging"
install -m 0755 "$binary" "$work/$name/windlass"
install -m 0755 "$root/install.sh" "$work/$name/install.sh"
cp -R "$root/systemd" "$work/$name/systemd"
cp -R "$root/packaging/etc" "$work/$name/packaging/etc"
cp "$root/LICENSE" "$root/docs/guide.md" "$work/$name/"
chmod -R u=rwX,go=rX "$work/$name"
(cd "$work/$name" && find . -type f ! -name SHA256SUMS -print0 | LC_ALL=C sort -z | xargs -0 sha256sum >SHA256SUMS)
when=$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$when" -cf "$work/$name.tar" "$name"
gzip -n "$work/$name.tar"
mv "$work/$name.tar.gz" "$folder/$name.tar.gz"
(cd "$folder" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "$folder/$name.tar.gz"
