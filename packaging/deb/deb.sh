#!/bin/sh
# Makes the Debian package: deb.sh BINARY ARCHITECTURE FOLDER [VERSION]. The same commit and binary give the same bytes.
# Prints the package's path.
set -eu
[ $# = 3 ] || [ $# = 4 ] || { echo "usage: deb.sh BINARY ARCHITECTURE FOLDER [VERSION]" >&2; exit 2; }
binary=$1 architecture=$2 folder=$3
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
version=${4:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")}
[ -n "$version" ] || { echo "Cargo.toml names no version" >&2; exit 1; }
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)
# Small by default, and the same on Debian and Ubuntu.
DPKG_DEB_COMPRESSOR_TYPE=${DPKG_DEB_COMPRESSOR_TYPE:-xz}
export SOURCE_DATE_EPOCH DPKG_DEB_COMPRESSOR_TYPE
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/windlass
put() { install -D -m "$1" "$2" "$tree/$3"; }

put 0755 "$binary" usr/bin/windlass
for file in "$root"/systemd/windlass*; do put 0644 "$file" "usr/lib/systemd/system/${file##*/}"; done
put 0644 "$root/systemd/sysusers.d/windlass.conf" usr/lib/sysusers.d/windlass.conf
put 0644 "$root/systemd/tmpfiles.d/windlass.conf" usr/lib/tmpfiles.d/windlass.conf
put 0755 "$root/install.sh" usr/share/windlass/install.sh
put 0755 "$here/aside" usr/share/windlass/aside
put 0644 "$root/packaging/etc/windlass/config.toml" usr/share/windlass/packaging/etc/windlass/config.toml
echo "install.sh leaves to apt what is apt's" | put 0644 /dev/stdin usr/share/windlass/packaged
mkdir -p "$tree/usr/sbin"
ln -s ../share/windlass/install.sh "$tree/usr/sbin/windlass-setup"
put 0644 "$root/LICENSE" usr/share/doc/windlass/copyright
put 0644 "$root/docs/guide.md" usr/share/doc/windlass/guide.md

# Its own words, so they are asked of it; a program for another machine runs in qemu's.
runner=''
[ "$architecture" = "$(dpkg --print-architecture)" ] || case $architecture in
    arm64) runner=qemu-aarch64-static ;;
    amd64) runner=qemu-x86_64-static ;;
esac
$runner "$binary" man "$work/man"
for page in "$work"/man/*; do
    gzip -9n "$page"
    put 0644 "$page.gz" "usr/share/man/man1/${page##*/}.gz"
done
$runner "$binary" completion bash | put 0644 /dev/stdin usr/share/bash-completion/completions/windlass
$runner "$binary" completion zsh | put 0644 /dev/stdin usr/share/zsh/vendor-completions/_windlass
$runner "$binary" completion fish | put 0644 /dev/stdin usr/share/fish/vendor_completions.d/windlass.fish

mkdir "$tree/DEBIAN"
for script in preinst postinst prerm postrm; do put 0755 "$here/$script" "DEBIAN/$script"; done
cat >"$tree/DEBIAN/control" <<END
Package: windlass
Version: $version
Architecture: $architecture
Maintainer: the windlass authors
Installed-Size: $(du -sk --apparent-size "$tree/usr" | cut -f 1)
Depends: systemd (>= 249), util-linux
Suggests: git
Section: admin
Priority: optional
Description: GitOps agent for the nodes of a Kubernetes cluster
 Pulls a Git repository, accepts only history signed by keys pinned on the node,
 keeps it on local disk, renders it in process, applies it through the API server
 and undoes drift, also while the network is down. It keeps Flux's API.
 .
 Nothing runs before windlass-setup was told what to follow.
END
find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
touch --date="@$SOURCE_DATE_EPOCH" "$tree/DEBIAN/md5sums" "$tree/DEBIAN"
mkdir -p "$folder"
dpkg-deb --root-owner-group --build "$tree" "$folder/windlass_${version}_$architecture.deb" >&2
echo "$folder/windlass_${version}_$architecture.deb"
