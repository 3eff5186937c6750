#!/bin/sh
# Writes what the Go libraries say to the cases in ../fixtures (versions: go.mod). Run it after
# changing a case; the tests compare with its output.
set -eu
cd "$(dirname "$0")"
program="$(mktemp -d)/reference"
go build -o "$program" .
"$program" merge-keys >../../src/patch/strategic/merge-keys.txt
cd ../fixtures
"$program" read-kubernetes <read.txt >read-kubernetes.jsonl
"$program" read-kustomize <read.txt >read-kustomize.jsonl
"$program" write <write.txt >write.jsonl
"$program" json-patch <json-patch.txt >json-patch.jsonl
"$program" strategic <strategic.txt >strategic.jsonl
"$program" selector <selector.txt >selector.jsonl
(cd ../reference && go run ./directives) >strategic-directives.json
