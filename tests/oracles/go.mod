// Modules that tests read from the Go module cache and compare windlass with. Nothing of them is
// built or shipped; go.sum pins their content.
module windlass.dev/tests/oracles

go 1.24

require (
	github.com/fluxcd/kustomize-controller v1.9.6
	github.com/fluxcd/source-controller v1.9.6
)
