#!/bin/sh
# Builds the program as nodes get it, for one architecture: a static file that needs no library of the node, so that one
# goes for every distribution. build.sh ARCHITECTURE [option of cargo build]... prints its path. Words go to stderr.
set -eu
[ $# -gt 0 ] || { echo "usage: build.sh amd64|arm64 [option of cargo build]..." >&2; exit 2; }
architecture=$1
shift
case $architecture in
    amd64) target=x86_64-unknown-linux-musl tools=x86_64-linux-gnu packages='gcc libc6-dev' ;;
    arm64) target=aarch64-unknown-linux-musl tools=aarch64-linux-gnu packages='gcc-aarch64-linux-gnu libc6-dev-arm64-cross' ;;
    *) echo "build.sh: amd64 or arm64, not $architecture" >&2; exit 2 ;;
esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$HOME/.cache/windlass/target}
export CARGO_TARGET_DIR
folder=${WINDLASS_CACHE:-$HOME/.cache/windlass}/musl-$architecture

rustup target list --installed | grep -qx "$target" || rustup target add "$target" >&2
if ! command -v "$tools-gcc" >/dev/null; then
    if [ "$(id -u)" != 0 ]; then
        echo "missing programs; install them with: sudo apt-get install -y $packages" >&2
        exit 1
    fi
    apt-get update -q >&2
    # shellcheck disable=SC2086 # one word per package
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages >&2
fi

# C's headers of musl for that architecture, without making it one of this machine's. What is linked is Rust's own copy.
if [ ! -d "$folder/usr" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$folder"
    apt() {
        apt-get -q -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" \
            -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root "$@" >&2
    }
    apt update
    (cd "$work" && apt download musl-dev)
    dpkg-deb --extract "$work"/musl-dev_*.deb "$work/out"
    mv "$work/out/usr" "$folder/usr"
fi
headers=$(echo "$folder"/usr/include/*-linux-musl)
cat >"$folder/cc" <<END
#!/bin/sh
exec $tools-gcc -nostdinc -isystem $headers -isystem $("$tools-gcc" -print-file-name=include) "\$@"
END
chmod 755 "$folder/cc"

name=$(echo "$target" | tr - _)
export "CC_$name=$folder/cc" "AR_$name=$tools-ar"
export "CARGO_TARGET_$(echo "$name" | tr '[:lower:]' '[:upper:]')_LINKER=$tools-gcc"
# Where the program is comes from cargo itself, as each profile has a folder of its own. A build that failed names none.
program=$(cargo build --package windlass --bin windlass --target "$target" --message-format=json-render-diagnostics "$@" |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -n "$program" ] || exit 1
"$root/packaging/portable.sh" "$program" "$architecture"
echo "$program"
