// Modules that tests read from the Go module cache and compare windlass with; the scripts beside it build
// programs of them. Nothing of them is shipped; go.sum pins their content.
module windlass.dev/tests/oracles

go 1.24

require (
	github.com/distribution/distribution/v3 v3.1.1
	github.com/fluxcd/flux2/v2 v2.9.5
	github.com/fluxcd/helm-controller v1.6.4
	github.com/fluxcd/helm-controller/api v1.6.4
	github.com/fluxcd/kustomize-controller v1.9.6
	github.com/fluxcd/kustomize-controller/api v1.9.6
	github.com/fluxcd/notification-controller v1.9.3
	github.com/fluxcd/pkg/artifact v0.18.0
	github.com/fluxcd/source-controller v1.9.6
	github.com/fluxcd/source-controller/api v1.9.6
	github.com/prometheus/prometheus v0.316.0
	github.com/versity/versitygw v1.8.0
)
