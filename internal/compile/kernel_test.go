package compile_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"glacis/internal/compile"
	"glacis/internal/linux"
	"glacis/internal/nft"
	"glacis/internal/policy"
	"glacis/internal/predict"
	"glacis/internal/privileged"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestEnterpriseSurvivesTheKernel: what a kernel lists for either node is what
// was compiled.
func TestEnterpriseSurvivesTheKernel(t *testing.T) {
	privileged.Need(t)
	s := enterprise(t)
	for _, node := range s.Firewall.Nodes {
		cfg, diags := compile.Compile(s, node.Name, compile.Options{Now: now})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if diff := cmp.Diff(canonical(cfg.Ruleset), canonical(throughKernel(t, cfg.Ruleset))); diff != "" {
			t.Errorf("%s: compiled -, read +\n%s", node.Name, diff)
		}
	}
}

func canonical(r *nft.Ruleset) []string { return strings.Split(r.Canonical(), "\n") }

// throughKernel loads a ruleset into a namespace of its own and reads it back.
func throughKernel(t interface{ Fatalf(string, ...any) }, r *nft.Ruleset) *nft.Ruleset {
	n, err := linux.NewNamespace(fmt.Sprintf("glacis-compile-%d", os.Getpid()))
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer n.Close()
	if err := linux.LoadRuleset(n, r); err != nil {
		t.Fatalf("%v", err)
	}
	back, err := linux.ListRuleset(n)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return back
}

// TestRandomSitesSurviveTheKernel: the same agreement holds for what the kernel
// lists of a handful of random sites.
func TestRandomSitesSurviveTheKernel(t *testing.T) {
	privileged.Need(t)
	left := 25 // each takes a namespace
	rapid.Check(t, func(t *rapid.T) {
		if left == 0 {
			return
		}
		left--
		s, text := randomSite(t)
		node := compiled(t, s)
		back := throughKernel(t, node.Ruleset)
		if diff := cmp.Diff(canonical(node.Ruleset), canonical(back)); diff != "" {
			t.Fatalf("compiled -, read +\n%s\n%s", diff, text)
		}
		agree(t, s, predict.Node{Config: node.Config, Active: true, Ruleset: back}, text)
	})
}

// agree fails at the first packet that model and ruleset do not agree on.
func agree(t *rapid.T, s *policy.Site, node predict.Node, text string) {
	for _, p := range append(classes(s), packets(t, s)...) {
		if s.Own().Contains(p.Dst) && !node.Has(p.Dst) {
			continue // an address of the other node
		}
		if diff := disagreement(s, node, p); diff != "" {
			t.Fatalf("%s\n%s\n%s", p, diff, text)
		}
	}
}
