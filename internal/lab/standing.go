package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"glacis/internal/linux"
)

// stateDir holds a note for each lab that was left standing.
const stateDir = "/run/glacis/lab"

// Standing is the note on a lab that stands without the process that built it.
type Standing struct {
	Name    string        `json:"name"`
	Site    string        `json:"site"` // absolute path
	Built   time.Time     `json:"built"`
	Keeper  linux.Process `json:"keeper"` // the process that holds the hosts' services open
	Members []string      `json:"members"`
}

// Leave writes the note and lets go of the lab: it stands until TakeDown.
func (l *Lab) Leave(s Standing) error {
	var err error
	if s.Members, err = Members(l.Name); err != nil {
		return err
	}
	if err := os.MkdirAll(stateDir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(statePath(l.Name), append(text, '\n'), 0o644); err != nil {
		return err
	}
	for _, ns := range l.namespaces() {
		ns.Release()
	}
	return nil
}

// namespaces lists all of the lab's.
func (l *Lab) namespaces() []*linux.Namespace {
	var out []*linux.Namespace
	for _, m := range l.machines {
		out = append(out, m.Namespace)
	}
	for _, r := range l.routers {
		out = append(out, r.namespace)
	}
	for _, n := range l.nodes {
		out = append(out, n.Namespace)
	}
	if l.switches != nil {
		out = append(out, l.switches)
	}
	return out
}

func statePath(name string) string { return filepath.Join(stateDir, name+".json") }

// ReadStanding reads the note on a lab.
func ReadStanding(name string) (Standing, error) {
	var s Standing
	text, err := os.ReadFile(statePath(name))
	if errors.Is(err, os.ErrNotExist) {
		return s, fmt.Errorf("no lab %q is standing; build one with: glacis lab up SITE", name)
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// StandingLabs lists the names of labs of which anything is left: a note, or
// namespaces that a killed process could not take down.
func StandingLabs() ([]string, error) {
	seen := map[string]bool{}
	var out []string
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	names, err := linux.Namespaces(prefix)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if lab, _, found := strings.Cut(strings.TrimPrefix(n, prefix), "."); found {
			add(lab)
		}
	}
	notes, err := filepath.Glob(statePath("*"))
	for _, n := range notes {
		add(strings.TrimSuffix(filepath.Base(n), ".json"))
	}
	return out, err
}

// TakeDown ends a standing lab: the process that keeps its services, whatever
// else runs in its namespaces, the namespaces and the note. It returns how many
// processes it ended.
func TakeDown(name string) (ended int, err error) {
	if s, err := ReadStanding(name); err == nil {
		if err := s.Keeper.End(); err != nil {
			return 0, err
		}
	}
	names, err := linux.Namespaces(NamespaceName(name, ""))
	if err != nil {
		return 0, err
	}
	if len(names) == 0 {
		if _, err := os.Stat(statePath(name)); errors.Is(err, os.ErrNotExist) {
			return 0, fmt.Errorf("no lab %q is standing", name)
		}
	}
	for _, n := range names {
		processes, err := linux.ProcessesIn(n)
		if err != nil {
			return ended, err
		}
		for _, p := range processes {
			if err := p.End(); err != nil {
				return ended, err
			}
			ended++
		}
		if err := linux.DeleteNamespace(n); err != nil {
			return ended, err
		}
	}
	if err := os.Remove(statePath(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return ended, err
	}
	return ended, nil
}
