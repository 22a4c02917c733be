package analysis

import (
	"os"
	"testing"
	"time"

	"glacis/internal/policy"
	"glacis/internal/probe"
	"glacis/internal/site"
)

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func loadSite(t testing.TB, dir string) *policy.Site {
	t.Helper()
	s, diags, _ := site.Load(os.DirFS(dir), site.Options{Now: now})
	if s == nil {
		t.Fatal(diags)
	}
	return s
}

// TestTrafficAgreesWithTheModel asks the lists of the pairs about every packet that
// the lab sends, where the model says that a rule, or none, decided.
func TestTrafficAgreesWithTheModel(t *testing.T) {
	s := loadSite(t, "../../examples/enterprise")
	pairs := map[[2]string]*Traffic{}
	for _, p := range AllTraffic(s, now) {
		pairs[[2]string{policy.ZoneName(p.From), policy.ZoneName(p.To)}] = p
	}
	asked := 0
	for _, c := range probe.Classes(s, now) {
		d := s.Decide(c.Packet, now)
		p := pairs[[2]string{d.FromZone, d.ToZone}]
		if p == nil || d.Rule == nil && d.RuleName != policy.ByDefault {
			continue
		}
		q := c.Packet
		if d.DstTranslated { // rules are asked about real addresses
			q.Dst, q.DstPort = d.DNAT.Host.Addresses[0], d.DstPort
			for _, a := range d.DNAT.Host.Addresses {
				if a.Is4() == q.Src.Is4() {
					q.Dst = a
				}
			}
		}
		asked++
		want := ""
		if d.Rule != nil {
			want = d.Rule.Name
		}
		got := ""
		if k := p.Match(q); k >= 0 {
			got = p.Rules[k].Name
		}
		if got != want {
			t.Errorf("%s: the list says %q, the model %q", c.Packet, got, want)
		}
	}
	if asked < 5000 {
		t.Errorf("only %d packets were asked about", asked)
	}
	t.Logf("%d packets", asked)
}
