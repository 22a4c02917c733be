package site

import (
	"io/fs"
	"testing"
	"time"
)

func TestStarterIsClean(t *testing.T) {
	for _, when := range []time.Time{now, now.AddDate(10, 0, 0)} { // it never expires
		s, diags, src := Load(Starter(), Options{Now: when})
		if s == nil || len(diags) > 0 {
			t.Fatalf("the starter is not clean:\n%s", rendered(diags, src))
		}
		if len(s.Zones) < 4 || len(s.Rules) < 4 || len(s.Guarantees) < 2 || len(s.NAT) == 0 || len(s.Firewall.Stations) == 0 {
			t.Errorf("the starter shows too little: %d zones, %d rules", len(s.Zones), len(s.Rules))
		}
	}
	if _, err := fs.Stat(Starter(), "packets.test.yaml"); err != nil {
		t.Errorf("the starter has no packet tests: %v", err)
	}
}
