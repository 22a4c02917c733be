package analysis

import (
	"testing"
	"time"
)

func TestEnterprisePromises(t *testing.T) {
	s := loadSite(t, "../../examples/enterprise")
	start := time.Now()
	list := Promises(s, now)
	took := time.Since(start)
	for _, p := range list {
		t.Logf("%-28s %-24s %s [%s] %v", p.Name, p.Holding, p.Text, p.Threat, p.Unfiltered)
		for _, r := range p.Exceptions {
			t.Logf("      except %s", r.Name)
		}
		if p.Example != nil {
			t.Logf("      %s by %v", p.Example.Packet, p.Example.Rule)
		}
	}
	t.Log(took)
}
