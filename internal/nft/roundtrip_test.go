package nft_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"glacis/internal/linux"
	"glacis/internal/nft"
	"glacis/internal/privileged"
)

// namespace makes an empty one for the test.
func namespace(t testing.TB) *linux.Namespace {
	t.Helper()
	privileged.Need(t)
	n, err := linux.NewNamespace(fmt.Sprintf("glacis-nft-%d-%s", os.Getpid(), strings.ToLower(strings.NewReplacer("/", "-", "#", "").Replace(t.Name()))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// reload loads a ruleset into the kernel and reads it back.
func reload(t testing.TB, n *linux.Namespace, r *nft.Ruleset) *nft.Ruleset {
	t.Helper()
	if err := linux.LoadRuleset(n, r); err != nil {
		t.Fatal(err)
	}
	back, err := linux.ListRuleset(n)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// TestCatalogueSurvivesTheKernel: what is printed is what nft loads, and what it
// lists is read as the same again.
func TestCatalogueSurvivesTheKernel(t *testing.T) {
	want := nft.Catalogue()
	equalRulesets(t, reload(t, namespace(t), want), want)
}

// equalRulesets compares two rulesets line by line as nft text, where elements
// have no order. nft 1.0.6 lists no comments of tables and chains.
func equalRulesets(t testing.TB, got, want *nft.Ruleset) {
	t.Helper()
	g, w := lines(got), lines(want)
	for k := range max(len(g), len(w)) {
		if k >= len(g) || k >= len(w) || g[k] != w[k] {
			t.Fatalf("line %d of %d:\n  read    %s\n  written %s", k, len(w), at(g, k), at(w, k))
		}
	}
}

func at(lines []string, k int) string {
	if k < len(lines) {
		return lines[k]
	}
	return "(nothing)"
}

func lines(r *nft.Ruleset) []string {
	for _, t := range r.Tables {
		t.Comment = ""
		for _, c := range t.Chains {
			c.Comment = ""
			for _, rule := range c.Rules {
				for k := range rule.Stmts {
					rule.Stmts[k] = sorted(rule.Stmts[k])
				}
			}
		}
		for _, s := range t.Sets {
			sortElements(s.Elements)
		}
	}
	return strings.Split(r.String(), "\n")
}

func sorted(s nft.Stmt) nft.Stmt {
	switch s := s.(type) {
	case nft.Match:
		sortElements(s.Values)
	case nft.VMap:
		sortElements(s.Elements)
	}
	return s
}

func sortElements(list []nft.Element) {
	slices.SortFunc(list, func(a, b nft.Element) int { return strings.Compare(fmt.Sprint(a.Key), fmt.Sprint(b.Key)) })
}
