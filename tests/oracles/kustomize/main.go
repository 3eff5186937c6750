// kustomize-oracle builds kustomizations with the real kustomize, many in one process: tests compare
// windlass with what it answers, and with Flux's substitution of variables. Each line of its input is a tree of files and the directory to build,
// as JSON; each line of its output is what came of it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// Far over any tree a test makes.
const lineLimit = 64 << 20

type request struct {
	Files   map[string]string `json:"files"`
	Path    string            `json:"path"`
	Reorder string            `json:"reorder"`
	// With these, a text is substituted as Flux does, and nothing is built.
	Text   string            `json:"text"`
	Values map[string]string `json:"values"`
	Strict bool              `json:"strict"`
}

type answer struct {
	Output string `json:"output,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	// What kustomize prints on the way (deprecated fields) is of no interest.
	os.Stderr, _ = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, lineLimit)
	output := bufio.NewWriter(os.Stdout)
	for input.Scan() {
		var asked request
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			fmt.Fprintln(output, `{"error":"the request is no JSON"}`)
		} else {
			line, _ := json.Marshal(build(asked))
			output.Write(append(line, '\n'))
		}
		output.Flush()
	}
}

func build(asked request) (result answer) {
	// kustomize panics on some input; that is a failure like others.
	defer func() {
		if problem := recover(); problem != nil {
			result = answer{Error: fmt.Sprint("panic: ", problem)}
		}
	}()
	if asked.Text != "" {
		output, err := envsubst.Eval(asked.Text, func(name string) (string, bool) {
			value, known := asked.Values[name]
			return value, known || !asked.Strict
		})
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Output: output}
	}
	tree := filesys.MakeFsInMemory()
	for name, text := range asked.Files {
		// A schema of one build would stay for the next.
		if strings.Contains(text, "openapi") {
			openapi.ResetOpenAPI()
			defer openapi.ResetOpenAPI()
		}
		if err := tree.WriteFile(path.Join("/tree", name), []byte(text)); err != nil {
			return answer{Error: err.Error()}
		}
	}
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	options.Reorder = krusty.ReorderOption(asked.Reorder)
	built, err := krusty.MakeKustomizer(options).Run(tree, path.Join("/tree", asked.Path))
	if err != nil {
		return answer{Error: err.Error()}
	}
	text, err := built.AsYaml()
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Output: string(text)}
}
