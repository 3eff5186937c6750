# For the scripts next to it: what it takes to build a real program once, from its Go module, into the cache.
# Words for people go to stderr; status 77 says that Go cannot fetch it.
cache=${WINDLASS_CACHE:-$HOME/.cache/windlass}

# version_of MODULE: as tests/oracles/go.mod pins it.
version_of() {
    sed -n "s|^\t$1 v||p" "$here/go.mod"
}

# source_of MODULE: its folder in the module cache. Through tests/oracles, so that go.sum there vouches for it.
source_of() {
    (cd "$here" && go mod download -json "$1@v$(version_of "$1")" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
}

# unfetched PROGRAM MODULE
unfetched() {
    echo "SKIPPED: Go cannot fetch $2, so nothing is compared with the real $1" >&2
    exit 77
}

# progress PROGRAM TOTAL: turns the lines of `go build -v` into a line for each hundred packages.
progress() {
    count=0
    while IFS= read -r line; do
        case $line in
            "go: "* | *[!a-zA-Z0-9_./~-]*) echo "$line" ;;
            *)
                count=$((count + 1))
                [ $((count % 100)) != 0 ] || echo "building $1: $count packages of $2"
                ;;
        esac
    done
}

# copy_module MODULE FOLDER: a copy that can be written to.
copy_module() {
    module_source=$(source_of "$1") || true
    [ -n "$module_source" ] || unfetched "$program" "$1"
    mkdir -p "$2"
    cp -R "$module_source/." "$2"
    chmod -R u+w "$2"
}

# lock_build PROGRAM: Go is there, and nobody else builds the program from here on.
lock_build() {
    command -v go >/dev/null || { echo "the real $1 needs Go 1.26 or newer: https://go.dev/doc/install" >&2; exit 1; }
    mkdir -p "$cache"
    exec 9>"$cache/$1.lock"
    flock -n 9 || { echo "waiting for another build of $1 to end" >&2; flock 9; }
}

# work_folder PROGRAM: makes $work, which goes with the script; what an earlier build left behind goes now.
work_folder() {
    rm -rf "$cache/building-$1-"*
    work=$(mktemp -d "$cache/building-$1-XXXXXX")
    trap '[ ! -d "$work" ] || { chmod -R u+w "$work"; rm -rf "$work"; }' EXIT
    trap 'exit 130' INT TERM
}

# build_once PROGRAM VERSION PACKAGE: calls `prepare FOLDER` to lay out the source, builds PACKAGE in it, keeps the
# program as $cache/PROGRAM-VERSION/PROGRAM and prints that path.
build_once() {
    program=$1
    target=$cache/$program-$2
    if [ -x "$target/$program" ]; then
        echo "$target/$program"
        return
    fi
    lock_build "$program"
    [ -x "$target/$program" ] || build_now "$2" "$3"
    exec 9>&-
    echo "$target/$program"
}

# build_now VERSION PACKAGE
build_now() {
    work_folder "$program"
    echo "building $program $1: looking at what is to be compiled (the first time, modules are downloaded)" >&2
    prepare "$work/source"
    packages=$(cd "$work/source" && go list -trimpath -deps -f '{{if .Stale}}x{{end}}' "$2") || unfetched "$program" "what it needs"
    total=$(echo "$packages" | grep -c x) || true
    echo "building $program: $total packages; about 5 minutes on 2 cores when all are new" >&2
    {
        cd "$work/source" && go build -v -trimpath -ldflags "-s -w -X main.VERSION=$1" -o "$work/$program" "$2" 2>&1 || true
    } | progress "$program" "$total" >&2
    [ -x "$work/$program" ] || { echo "building $program failed, see above" >&2; exit 1; }
    mkdir -p "$target"
    mv "$work/$program" "$target/$program"
    chmod -R u+w "$work"
    rm -rf "$work"
    trap - EXIT
}
