package nft_test

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"

	"glacis/internal/linux"
	"glacis/internal/nft"
)

// loadText loads nft text that is not ours.
func loadText(t testing.TB, n *linux.Namespace, file string) {
	t.Helper()
	cmd := n.Command(context.Background(), "nft", "-f", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}

// TestForeignStatementsAreUnknown loads rules as other tools write them: what is
// not understood becomes Unknown, and what is understood does not.
func TestForeignStatementsAreUnknown(t *testing.T) {
	n := namespace(t)
	loadText(t, n, "testdata/foreign.nft")
	back, err := linux.ListRuleset(n)
	if err != nil {
		t.Fatal(err)
	}
	checkForeign(t, back)
}

// TestForeignListing is the same from a listing that was kept: it needs no root.
func TestForeignListing(t *testing.T) {
	text, err := os.ReadFile("testdata/listings/foreign.json")
	if err != nil {
		t.Fatal(err)
	}
	back, err := nft.ReadJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	checkForeign(t, back)
}

func checkForeign(t *testing.T, r *nft.Ruleset) {
	t.Helper()
	seen := 0
	for _, table := range r.Tables {
		for _, c := range table.Chains {
			unknown := false
			for _, rule := range c.Rules {
				for _, s := range rule.Stmts {
					_, is := s.(nft.Unknown)
					unknown = unknown || is
				}
			}
			seen++
			if want := strings.HasPrefix(c.Name, "unknown-"); unknown != want || len(c.Rules) == 0 {
				t.Errorf("chain %s: not understood is %v: %v", c.Name, unknown, c.Rules)
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d chains", seen)
	}
}

// TestForeignRulesetIsNotAnswered: a packet that reaches what is not understood
// has no verdict; one that is decided before has.
func TestForeignRulesetIsNotAnswered(t *testing.T) {
	listing := func(first string) string {
		return `{"nftables": [{"metainfo": {"json_schema_version": 1}}, {"table": {"family": "ip", "name": "filter"}},
{"chain": {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}},
{"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "expr": [` + first + `{"xt": {"type": "match", "name": "conntrack"}}, {"drop": null}]}}]}`
	}
	p := nft.Packet{IIF: "eth0", Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: 17, CTState: nft.CTNew}
	env := nft.Env{Route: func(netip.Addr) (string, bool, bool) { return "", true, true }}
	for first, answered := range map[string]bool{"": false, `{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}, `: true} {
		r, err := nft.ReadJSON(strings.NewReader(listing(first)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Eval(p, env); (err == nil) != answered {
			t.Errorf("after %q: %v, %v", first, got.Verdict, err)
		}
	}
}

// TestNoListingIsNoRuleset: what is not a whole listing of nft is an error, never
// a ruleset with nothing in it.
func TestNoListingIsNoRuleset(t *testing.T) {
	const begin = `{"nftables": [{"metainfo": {"json_schema_version": 1}}`
	for name, text := range map[string]string{
		"nothing": "", "another document": "{}", "null": "null", "empty list": `{"nftables": []}`, "no metainfo": `{"nftables": [{"table": {"family": "ip", "name": "t"}}]}`,
		"another version": `{"nftables": [{"metainfo": {"json_schema_version": 2}}]}`, "cut off": begin, "two documents": begin + "]}" + begin + "]}",
		"unknown object": begin + `, {"hologram": {}}]}`, "chain twice": begin + strings.Repeat(`, {"chain": {"family": "ip", "table": "t", "name": "c"}}`, 2) + "]}",
		"rule without chain": begin + `, {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": []}}]}`, "too deep": begin + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "]}",
	} {
		if r, err := nft.ReadJSON(strings.NewReader(text)); err == nil {
			t.Errorf("%s is read as %q", name, r)
		}
	}
}
