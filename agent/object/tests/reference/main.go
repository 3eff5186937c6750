// Command reference answers test cases with the Go libraries windlass-object follows. It reads
// cases from standard input, separated by lines of `====`, and writes one line of JSON for each:
// {"value": ...}, {"text": ...} or {"error": ...}. See make.sh.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/labels"
	k8sjson "sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/kyaml/kio"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	"sigs.k8s.io/yaml"
)

const caseSeparator = "====\n"
const partSeparator = "----\n"

func main() {
	answers := map[string]func(string) (any, error){
		"read-kubernetes": readKubernetes,
		"read-kustomize":  readKustomize,
		"write":           write,
		"json-patch":      jsonPatch,
		"strategic":       strategic,
		"selector":        selector,
	}
	if os.Args[1] == "merge-keys" {
		writeMergeKeys()
		return
	}
	answer, ok := answers[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: reference <what> < cases")
		os.Exit(2)
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	if len(os.Args) > 2 {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(outcome(answer, string(input))); err != nil {
			panic(err)
		}
		return
	}
	for _, text := range strings.Split(string(input), caseSeparator) {
		os.Stdout.Write(alone(text))
	}
}

// One process for each case: a map that holds itself overflows kyaml's stack.
func alone(text string) []byte {
	command := exec.Command(os.Args[0], os.Args[1], "alone")
	command.Stdin = strings.NewReader(text)
	out, err := command.Output()
	if err != nil {
		return []byte("{\"error\":\"the reference crashed\"}\n")
	}
	return out
}

func outcome(answer func(string) (any, error), text string) (result map[string]any) {
	defer func() {
		if problem := recover(); problem != nil {
			result = map[string]any{"error": fmt.Sprint(problem)}
		}
	}()
	value, err := answer(text)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	return map[string]any{"value": value}
}

// A case may hold bytes no text file shows well: \xHH at this level stands for the byte.
func unescape(text string) []byte {
	var out bytes.Buffer
	for {
		before, after, found := strings.Cut(text, `\x`)
		out.WriteString(before)
		if !found {
			return out.Bytes()
		}
		var b byte
		if _, err := fmt.Sscanf(after[:2], "%02x", &b); err != nil {
			panic(err)
		}
		out.WriteByte(b)
		text = after[2:]
	}
}

func readKubernetes(text string) (any, error) {
	converted, err := yaml.YAMLToJSON(unescape(text))
	if err != nil {
		return nil, err
	}
	var value any
	err = k8sjson.UnmarshalCaseSensitivePreserveInts(converted, &value)
	return value, err
}

func readKustomize(text string) (any, error) {
	wrapped := "apiVersion: v1\nkind: Case\nmetadata: {name: case}\nspec:\n"
	for _, line := range strings.SplitAfter(string(unescape(text)), "\n") {
		if line == "" {
			continue
		}
		wrapped += "  " + line
	}
	nodes, err := kio.FromBytes([]byte(wrapped))
	if err != nil {
		return nil, err
	}
	if len(nodes) != 1 {
		return nil, fmt.Errorf("%d objects", len(nodes))
	}
	converted, err := nodes[0].MarshalJSON()
	if err != nil {
		return nil, err
	}
	var value map[string]any
	if err := k8sjson.UnmarshalCaseSensitivePreserveInts(converted, &value); err != nil {
		return nil, err
	}
	return value["spec"], nil
}

func write(text string) (any, error) {
	var value any
	if err := k8sjson.UnmarshalCaseSensitivePreserveInts([]byte(text), &value); err != nil {
		return nil, err
	}
	out, err := yaml.Marshal(value)
	return string(out), err
}

func jsonPatch(text string) (any, error) {
	target, patch, _ := strings.Cut(text, partSeparator)
	decoded, err := jsonpatch.DecodePatch([]byte(patch))
	if err != nil {
		return nil, err
	}
	out, err := decoded.Apply([]byte(target))
	if err != nil {
		return nil, err
	}
	return json.RawMessage(out), nil
}

func strategic(text string) (any, error) {
	target, patch, _ := strings.Cut(text, partSeparator)
	destination, err := kyaml.Parse(target)
	if err != nil {
		return nil, err
	}
	source, err := kyaml.Parse(patch)
	if err != nil {
		return nil, err
	}
	merged, err := merge2.Merge(source, destination, kyaml.MergeOptions{
		ListIncreaseDirection: kyaml.MergeOptionsListPrepend,
	})
	if err != nil || merged == nil {
		return nil, err
	}
	out, err := merged.MarshalJSON()
	return json.RawMessage(out), err
}

func selector(text string) (any, error) {
	expression, set, _ := strings.Cut(text, partSeparator)
	parsed, err := labels.Parse(strings.TrimSuffix(expression, "\n"))
	if err != nil {
		return nil, err
	}
	var have map[string]string
	if err := yaml.Unmarshal([]byte(set), &have); err != nil {
		return nil, err
	}
	return parsed.Matches(labels.Set(have)), nil
}
