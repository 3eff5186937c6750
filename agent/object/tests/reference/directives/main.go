// Prints, for pairs of an object and a strategic merge patch with the directives that kustomize does
// not know, what Kubernetes makes of them: a JSON list of cases. See make.sh beside this folder.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

const head = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"%s},"spec":%s}`

// The fields of a Deployment that the cases use, with Kubernetes' own patch tags.
type deployment struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       spec     `json:"spec"`
}

type metadata struct {
	Name       string   `json:"name"`
	Finalizers []string `json:"finalizers" patchStrategy:"merge"`
}

type spec struct {
	Replicas int      `json:"replicas"`
	Strategy strategy `json:"strategy" patchStrategy:"retainKeys"`
	Template struct {
		Spec struct {
			Containers []container `json:"containers" patchStrategy:"merge" patchMergeKey:"name"`
			Volumes    []volume    `json:"volumes" patchStrategy:"merge,retainKeys" patchMergeKey:"name"`
		} `json:"spec"`
	} `json:"template"`
}

type strategy struct {
	Type          string         `json:"type"`
	RollingUpdate map[string]any `json:"rollingUpdate"`
}

type container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

type volume struct {
	Name      string         `json:"name"`
	EmptyDir  map[string]any `json:"emptyDir"`
	ConfigMap map[string]any `json:"configMap"`
}

type pair struct{ meta, object, patchMeta, patch string }

func pod(fields string) string { return `{"template":{"spec":{` + fields + `}}}` }

func containers(names ...string) string {
	list := ""
	for i, name := range names {
		if i > 0 {
			list += ","
		}
		list += fmt.Sprintf(`{"name":%q,"image":"i"}`, name)
	}
	return `"containers":[` + list + `]`
}

// Left out is what Go's slices and maps do by chance: an item that is new beside one that is deleted
// changes the order that is compared with, and $retainKeys stays in a map that is new.
var pairs = []pair{
	{object: pod(containers("a", "b", "c")), patch: pod(`"$setElementOrder/containers":[{"name":"c"},{"name":"a"},{"name":"b"}]`)},
	{object: pod(containers("a", "b", "c")), patch: pod(`"$setElementOrder/containers":[{"name":"c"},{"name":"a"}],"containers":[{"name":"a","image":"n"}]`)},
	{object: pod(containers("a", "b", "c", "d")), patch: pod(`"$setElementOrder/containers":[{"name":"d"},{"name":"b"}]`)},
	{object: pod(containers("a", "b", "c", "d")), patch: pod(`"$setElementOrder/containers":[{"name":"b"},{"name":"n"},{"name":"d"}],"containers":[{"name":"n","image":"n"}]`)},
	{object: pod(containers("a", "b", "c", "d")), patch: pod(`"$setElementOrder/containers":[{"name":"d"},{"name":"a"}],"containers":[{"name":"b","$patch":"delete"}]`)},
	{object: pod(containers("a", "b")), patch: pod(`"$setElementOrder/containers":[{"name":"z"},{"name":"b"},{"name":"y"},{"name":"a"}]`)},
	{object: pod(`"volumes":[{"name":"v","emptyDir":{}},{"name":"w","emptyDir":{}}]`), patch: pod(`"volumes":[{"name":"v","configMap":{"name":"c"},"$retainKeys":["name","configMap"]}]`)},
	{object: `{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}},"replicas":2}`, patch: `{"strategy":{"type":"Recreate","$retainKeys":["type"]}}`},
	{object: `{"strategy":{"rollingUpdate":{"maxSurge":1}}}`, patch: `{"strategy":{"$retainKeys":["type"]}}`},
	{object: `{"strategy":{"rollingUpdate":{"maxSurge":1}}}`, patch: `{"strategy":{"type":"Recreate","$retainKeys":["rollingUpdate"]}}`},
	{meta: `,"finalizers":["a","b","c"]`, object: `{}`, patchMeta: `,"$deleteFromPrimitiveList/finalizers":["b"]`, patch: `{}`},
	{meta: `,"finalizers":["a","b","c"]`, object: `{}`, patchMeta: `,"finalizers":["d"],"$setElementOrder/finalizers":["d","c","a"],"$deleteFromPrimitiveList/finalizers":["b"]`, patch: `{}`},
	{meta: `,"finalizers":["a","b","c"]`, object: `{}`, patchMeta: `,"$setElementOrder/finalizers":["c","b"]`, patch: `{}`},
	{object: pod(containers("a", "b")), patch: pod(`"$setElementOrder/containers":[{"name":"b"}],"containers":[{"name":"a","image":"n"}]`)},
}

func main() {
	type answer struct {
		Object json.RawMessage `json:"object"`
		Patch  json.RawMessage `json:"patch"`
		Result json.RawMessage `json:"result"`
	}
	var answers []answer
	for _, p := range pairs {
		object := fmt.Sprintf(head, p.meta, p.object)
		patch := fmt.Sprintf(head, p.patchMeta, p.patch)
		result, err := strategicpatch.StrategicMergePatch([]byte(object), []byte(patch), deployment{})
		if err != nil {
			result = []byte("null")
		}
		answers = append(answers, answer{[]byte(object), []byte(patch), result})
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	out.Encode(answers)
}
