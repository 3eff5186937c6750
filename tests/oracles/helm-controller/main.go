// Flux's helm-controller as an oracle: reads one JSON request per line, answers each with one line. It is
// compiled inside the controller's module, because what it asks is internal there.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	helmrelease "helm.sh/helm/v4/pkg/release/v1"

	v2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/helm-controller/internal/digest"
	"github.com/fluxcd/helm-controller/internal/postrender"
	"github.com/fluxcd/helm-controller/internal/release"
	"github.com/fluxcd/pkg/chartutil"
)

// A request: a release's record, values, post-renderers, metadata or a name.
type request struct {
	Record        []byte             `json:"record"`
	OCIDigest     string             `json:"ociDigest"`
	Values        map[string]any     `json:"values"`
	PostRenderers *[]v2.PostRenderer `json:"postRenderers"`
	Metadata      *v2.CommonMetadata `json:"metadata"`
	Name          string             `json:"name"`
}

type answer struct {
	Error    string       `json:"error,omitempty"`
	Record   string       `json:"record,omitempty"`
	Snapshot *v2.Snapshot `json:"snapshot,omitempty"`
	Digest   string       `json:"digest,omitempty"`
	Name     string       `json:"name,omitempty"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			if err := encoder.Encode(respond(line)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			out.Flush()
		}
		if err != nil {
			return
		}
	}
}

func respond(line []byte) answer {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	switch {
	case asked.Name != "":
		return answer{Name: release.ShortenName(asked.Name)}
	case asked.Values != nil:
		return answer{Digest: chartutil.DigestValues(digest.Canonical, asked.Values).String()}
	case asked.PostRenderers != nil:
		return answer{Digest: postrender.Digest(digest.Canonical, *asked.PostRenderers).String()}
	case asked.Metadata != nil:
		return answer{Digest: postrender.CommonMetadataDigest(digest.Canonical, asked.Metadata).String()}
	}
	var record helmrelease.Release
	if err := json.Unmarshal(asked.Record, &record); err != nil {
		return answer{Error: err.Error()}
	}
	again, err := json.Marshal(&record)
	if err != nil {
		return answer{Error: err.Error()}
	}
	observed := release.ObserveRelease(&record)
	observed.OCIDigest = asked.OCIDigest
	return answer{Record: base64.StdEncoding.EncodeToString(again), Snapshot: release.ObservedToSnapshot(observed)}
}
