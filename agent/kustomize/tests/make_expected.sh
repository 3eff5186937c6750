#!/bin/sh
# Makes expected.yaml of every case with the real kustomize:
#   go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
# Files may lie anywhere in the tree and the order of the input is kept, as Flux calls it.
set -eu
cd "$(dirname "$0")/cases"
kustomize=${KUSTOMIZE:-kustomize}
version=$("$kustomize" version)
[ "$version" = v5.8.1 ] || { echo "kustomize v5.8.1 is needed, this is $version" >&2; exit 1; }
for case in */; do
    directory=$case/tree
    [ ! -d "$case/tree/overlay" ] || directory=$case/tree/overlay
    "$kustomize" build --load-restrictor LoadRestrictionsNone --reorder none "$directory" \
        >"$case/expected.yaml" 2>/dev/null || { echo "$case: kustomize failed" >&2; exit 1; }
done
