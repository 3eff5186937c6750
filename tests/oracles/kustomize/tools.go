//go:build tools

package main

// Keeps the command's own needs in go.sum.
import _ "sigs.k8s.io/kustomize/kustomize/v5"
