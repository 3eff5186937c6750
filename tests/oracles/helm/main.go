// The real Helm as an oracle: reads one JSON request per line, answers each with one line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	kubefake "helm.sh/helm/v4/pkg/kube/fake"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	"helm.sh/helm/v4/pkg/strvals"
)

// A request: a chart to render, flags to read, or the defaults to tell.
type request struct {
	Files       []file     `json:"files"`
	Archive     []byte     `json:"archive"`
	Values      string     `json:"values"`
	Set         []setting  `json:"set"`
	Name        string     `json:"name"`
	Namespace   string     `json:"namespace"`
	Upgrade     bool       `json:"upgrade"`
	KubeVersion string     `json:"kubeVersion"`
	APIVersions []string   `json:"apiVersions"`
	Settings    *[]setting `json:"settings"`
	Defaults    bool       `json:"defaults"`
	Repeat      int        `json:"repeat"`
}

type file struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

type setting struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

type hook struct {
	Name              string   `json:"name"`
	Kind              string   `json:"kind"`
	Path              string   `json:"path"`
	Manifest          string   `json:"manifest"`
	Events            []string `json:"events"`
	Weight            int      `json:"weight"`
	DeletePolicies    []string `json:"deletePolicies"`
	OutputLogPolicies []string `json:"outputLogPolicies"`
}

type answer struct {
	Error       string   `json:"error,omitempty"`
	Manifest    string   `json:"manifest,omitempty"`
	Notes       string   `json:"notes,omitempty"`
	Hooks       []hook   `json:"hooks,omitempty"`
	Values      any      `json:"values,omitempty"`
	APIVersions []string `json:"apiVersions,omitempty"`
	KubeVersion string   `json:"kubeVersion,omitempty"`
	HelmVersion any      `json:"helmVersion,omitempty"`
	Nanoseconds int64    `json:"nanoseconds,omitempty"`
}

func main() {
	// What Helm logs is not what is compared.
	log.SetOutput(io.Discard)
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
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

func respond(line []byte) (result answer) {
	defer func() {
		if panicked := recover(); panicked != nil {
			result = answer{Error: fmt.Sprintf("panic: %v", panicked)}
		}
	}()
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: "request: " + err.Error()}
	}
	if asked.Defaults {
		capabilities := common.DefaultCapabilities
		return answer{
			APIVersions: capabilities.APIVersions,
			KubeVersion: capabilities.KubeVersion.Version,
			HelmVersion: capabilities.HelmVersion,
		}
	}
	if asked.Settings != nil {
		values := map[string]any{}
		if err := apply(values, *asked.Settings); err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Values: typed(values)}
	}
	if asked.Repeat > 0 {
		return measure(asked)
	}
	rendered, err := render(asked)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return rendered
}

func load(asked request) (*chart.Chart, error) {
	if len(asked.Archive) > 0 {
		return loader.LoadArchive(strings.NewReader(string(asked.Archive)))
	}
	files := make([]*archive.BufferedFile, 0, len(asked.Files))
	for _, file := range asked.Files {
		files = append(files, &archive.BufferedFile{Name: file.Name, Data: file.Data})
	}
	return loader.LoadFiles(files)
}

func render(asked request) (answer, error) {
	loaded, err := load(asked)
	if err != nil {
		return answer{}, err
	}
	values, err := loader.LoadValues(strings.NewReader(asked.Values))
	if err != nil {
		return answer{}, err
	}
	if err := apply(values, asked.Set); err != nil {
		return answer{}, err
	}
	configuration := &action.Configuration{
		Releases:     storage.Init(driver.NewMemory()),
		KubeClient:   &kubefake.PrintingKubeClient{Out: io.Discard, LogOutput: io.Discard},
		Capabilities: common.DefaultCapabilities.Copy(),
	}
	install := action.NewInstall(configuration)
	install.DryRunStrategy = action.DryRunClient
	install.Replace = true
	install.ReleaseName = asked.Name
	install.Namespace = asked.Namespace
	install.IsUpgrade = asked.Upgrade
	install.APIVersions = asked.APIVersions
	if asked.KubeVersion != "" {
		version, err := common.ParseKubeVersion(asked.KubeVersion)
		if err != nil {
			return answer{}, err
		}
		install.KubeVersion = version
	}
	result, err := install.Run(loaded, values)
	if err != nil {
		return answer{}, err
	}
	rendered, ok := result.(*release.Release)
	if !ok {
		return answer{}, fmt.Errorf("a release of type %T", result)
	}
	hooks := make([]hook, 0, len(rendered.Hooks))
	for _, found := range rendered.Hooks {
		hooks = append(hooks, describe(found))
	}
	return answer{Manifest: rendered.Manifest, Notes: rendered.Info.Notes, Hooks: hooks}, nil
}

func describe(found *release.Hook) hook {
	described := hook{
		Name: found.Name, Kind: found.Kind, Path: found.Path, Manifest: found.Manifest,
		Weight: found.Weight, Events: []string{}, DeletePolicies: []string{}, OutputLogPolicies: []string{},
	}
	for _, event := range found.Events {
		described.Events = append(described.Events, event.String())
	}
	for _, policy := range found.DeletePolicies {
		described.DeletePolicies = append(described.DeletePolicies, string(policy))
	}
	for _, policy := range found.OutputLogPolicies {
		described.OutputLogPolicies = append(described.OutputLogPolicies, string(policy))
	}
	return described
}

// Renders many times and says what one rendering takes, loading left out.
func measure(asked request) answer {
	loaded, err := load(asked)
	if err != nil {
		return answer{Error: err.Error()}
	}
	values, err := loader.LoadValues(strings.NewReader(asked.Values))
	if err != nil {
		return answer{Error: err.Error()}
	}
	start := time.Now()
	for range asked.Repeat {
		if err := chartutil.ProcessDependencies(loaded, values); err != nil {
			return answer{Error: err.Error()}
		}
		options := common.ReleaseOptions{Name: asked.Name, Namespace: asked.Namespace, Revision: 1, IsInstall: true}
		top, err := util.ToRenderValues(loaded, values, options, common.DefaultCapabilities)
		if err != nil {
			return answer{Error: err.Error()}
		}
		if _, err := (engine.Engine{}).Render(loaded, top); err != nil {
			return answer{Error: err.Error()}
		}
	}
	return answer{Nanoseconds: time.Since(start).Nanoseconds() / int64(asked.Repeat)}
}

func apply(values map[string]any, settings []setting) error {
	for _, setting := range settings {
		var err error
		switch setting.Kind {
		case "set":
			err = strvals.ParseInto(setting.Text, values)
		case "string":
			err = strvals.ParseIntoString(setting.Text, values)
		case "json":
			err = strvals.ParseJSON(setting.Text, values)
		case "literal":
			err = strvals.ParseLiteralInto(setting.Text, values)
		case "file":
			err = strvals.ParseIntoFile(setting.Text, values, func(name []rune) (any, error) {
				return "content of " + string(name), nil
			})
		default:
			err = fmt.Errorf("no setting is called %q", setting.Kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Says which kind each number is, which JSON cannot.
func typed(value any) any {
	switch value := value.(type) {
	case map[string]any:
		fields := make(map[string]any, len(value))
		for key, inner := range value {
			fields[key] = typed(inner)
		}
		return fields
	case []any:
		items := make([]any, 0, len(value))
		for _, inner := range value {
			items = append(items, typed(inner))
		}
		return items
	case int64:
		return map[string]any{"$int": fmt.Sprint(value)}
	case float64:
		return map[string]any{"$float": fmt.Sprint(value)}
	default:
		return value
	}
}
