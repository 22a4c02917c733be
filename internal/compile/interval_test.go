package compile

import (
	"os"
	"testing"
	"time"

	"glacis/internal/nft"
	"glacis/internal/site"
)

// TestNoProtocolAmongIntervals: nft 1.0 has such a key converted in a way that
// Linux 6.12 refuses.
func TestNoProtocolAmongIntervals(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	s, diags, _ := site.Load(os.DirFS("../../examples/enterprise"), site.Options{Now: now})
	if s == nil {
		t.Fatal(diags)
	}
	cfg, diags := Compile(s, s.Firewall.Nodes[0].Name, Options{Now: now})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	intervals := 0
	for _, set := range cfg.Ruleset.Tables[0].Sets {
		if !set.Interval || len(set.Key) == 1 {
			continue
		}
		intervals++
		for _, key := range set.Key {
			if key == nft.InetProto {
				t.Errorf("map %s has intervals and a protocol in its key", set.Name)
			}
		}
	}
	if intervals == 0 {
		t.Error("no map with intervals to look at")
	}
}
