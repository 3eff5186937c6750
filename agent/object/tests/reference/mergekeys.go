package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// The parts of an OpenAPI document that say how lists are merged.
type swagger struct {
	Definitions map[string]*schema `json:"definitions"`
}

type schema struct {
	Ref        string             `json:"$ref"`
	Properties map[string]*schema `json:"properties"`
	Values     schemaOrBool       `json:"additionalProperties"`
	Items      *schema            `json:"items"`
	Strategy   string             `json:"x-kubernetes-patch-strategy"`
	Key        string             `json:"x-kubernetes-patch-merge-key"`
	Keys       []string           `json:"x-kubernetes-list-map-keys"`
	Kinds      []struct {
		Group, Version, Kind string
	} `json:"x-kubernetes-group-version-kind"`
}

// schemaOrBool is the schema of a map's values; true stands for any.
type schemaOrBool struct{ *schema }

func (s *schemaOrBool) UnmarshalJSON(text []byte) error {
	if string(text) == "true" || string(text) == "false" {
		return nil
	}
	return json.Unmarshal(text, &s.schema)
}

func (s *schema) target() string {
	if s == nil {
		return ""
	}
	return strings.TrimPrefix(s.Ref, "#/definitions/")
}

func (s *schema) merges() bool {
	return slices.Contains(strings.Split(s.Strategy, ","), "merge")
}

// keys as kyaml's PatchStrategyAndKeyList gives them.
func (s *schema) keys() []string {
	if len(s.Keys) > 0 {
		return s.Keys
	}
	if s.Key != "" {
		return []string{s.Key}
	}
	return nil
}

// mergeKeys writes the table of src/patch/strategic/merge-keys.txt from what kyaml knows.
func mergeKeys(out io.Writer) error {
	document, err := json.Marshal(openapi.Schema())
	if err != nil {
		return err
	}
	var spec swagger
	if err := json.Unmarshal(document, &spec); err != nil {
		return err
	}
	useful := useful(spec.Definitions)
	names := sortedKeys(useful)
	number := map[string]int{}
	for i, name := range names {
		number[name] = i
	}
	fmt.Fprintln(out, header)
	for _, name := range names {
		fmt.Fprintf(out, "type %d%s\n", number[name], fields(spec.Definitions[name], number))
	}
	var kinds []string
	for _, name := range names {
		for _, kind := range spec.Definitions[name].Kinds {
			kinds = append(kinds, fmt.Sprintf("kind %s %s %s %d",
				cmp.Or(kind.Group, "core"), kind.Version, kind.Kind, number[name]))
		}
	}
	slices.Sort(kinds)
	_, err = fmt.Fprintln(out, strings.Join(kinds, "\n"))
	return err
}

const header = `# How the lists of Kubernetes' built-in kinds are merged by a strategic merge patch.
# Made by tests/reference/make.sh from the OpenAPI document that kyaml 0.21.1 carries (Kubernetes 1.21.2).
# type <number> <field>[+<merge key>[,<merge key>...]][><number of its type>] ...
#   +keys: the items of the list are merged by these keys; + alone: a set of plain values
#   *>: the type is that of every field of the map
# kind <group> <version> <kind> <number of its type>`

// useful finds the types from which a list that is merged can be reached.
func useful(definitions map[string]*schema) map[string]bool {
	useful := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for name, definition := range definitions {
			if !useful[name] && leadsToMerge(definition, useful) {
				useful[name] = true
				changed = true
			}
		}
	}
	return useful
}

func leadsToMerge(definition *schema, useful map[string]bool) bool {
	for _, property := range definition.Properties {
		if property.merges() || useful[property.target()] || useful[property.Values.target()] {
			return true
		}
	}
	return false
}

func fields(definition *schema, number map[string]int) string {
	var line strings.Builder
	for _, name := range sortedKeys(definition.Properties) {
		property := definition.Properties[name]
		switch {
		case property.merges():
			fmt.Fprintf(&line, " %s+%s%s", name, strings.Join(property.keys(), ","),
				reference(property.Items, number))
		case reference(property.Values.schema, number) != "":
			fmt.Fprintf(&line, " %s*%s", name, reference(property.Values.schema, number))
		case reference(property, number) != "":
			fmt.Fprintf(&line, " %s%s", name, reference(property, number))
		}
	}
	return line.String()
}

func reference(property *schema, number map[string]int) string {
	if target, known := number[property.target()]; known {
		return fmt.Sprintf(">%d", target)
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func writeMergeKeys() {
	if err := mergeKeys(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
