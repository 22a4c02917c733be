package nft_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"glacis/internal/linux"
	"glacis/internal/nft"
	"glacis/internal/privileged"

	"github.com/google/go-cmp/cmp"
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

// equalRulesets compares two rulesets line by line.
func equalRulesets(t testing.TB, got, want *nft.Ruleset) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(want.Canonical(), "\n"), strings.Split(got.Canonical(), "\n")); diff != "" {
		t.Fatalf("written -, read +\n%s", diff)
	}
}

// TestFilledSetIsNoDifference: what packets have put into a dynamic set, with a
// limit of its own, is neither unknown nor a difference.
func TestFilledSetIsNoDifference(t *testing.T) {
	n := namespace(t)
	want := nft.Catalogue()
	reload(t, n, want)
	for _, set := range []string{"seen4 { 10.0.0.1 limit rate 5/second expires 5s }", "big4 { 10.0.0.2 limit rate over 3/second }"} {
		if out, err := n.Command(t.Context(), "nft", "add element inet glacis "+set).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	back, err := linux.ListRuleset(n)
	if err != nil {
		t.Fatal(err)
	}
	equalRulesets(t, back, want)
}
