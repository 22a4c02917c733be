package analysis_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"glacis/internal/analysis"
	"glacis/internal/policy"
	"glacis/internal/probe"
	"glacis/internal/site"
)

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func enterprise(t *testing.T) *policy.Site {
	t.Helper()
	s, diags, _ := site.Load(os.DirFS("../../examples/enterprise"), site.Options{Now: now})
	if s == nil {
		t.Fatal(diags)
	}
	return s
}

func names(rules []analysis.PairRule) string {
	var out []string
	for _, r := range rules {
		out = append(out, r.Name)
	}
	return strings.Join(out, " ")
}

func TestMatrixOfTheEnterprise(t *testing.T) {
	s := enterprise(t)
	m := analysis.NewMatrix(s, now)
	if n := len(s.Zones) + 1; len(m.Pairs) != n*n-1 {
		t.Fatalf("%d pairs of %d sides", len(m.Pairs), n)
	}
	for _, c := range []struct{ from, to, services, allow, stop string }{
		{"internet", "dmz", "smtp http https dns ssh icmp-echo", "inbound-mail public-website public-dns partner-portal file-exchange path-check", "no-known-bad"},
		{"internet", "guest", "", "", "no-known-bad"},
		{"users", "servers", "any", "", ""},
		{"management", "firewall", "ssh", "(management)", ""},
		{"users", "firewall", "", "", ""},
		{"firewall", "servers", "ntp syslog-tls", "firewall-time firewall-logs", ""},
		{"branches", "servers", "dns kerberos ldap ntp smb imaps https", "branch-directory branch-files branch-mail branch-erp", "no-branch-telnet"},
	} {
		p, ok := m.Between(s.Zone(c.from), s.Zone(c.to))
		if got := strings.Join(p.Services(), " "); !ok || got != c.services {
			t.Errorf("%s to %s: services %q, want %q", c.from, c.to, got, c.services)
		}
		if names(p.Allows()) != c.allow || names(p.Stops()) != c.stop {
			t.Errorf("%s to %s: rules %q and %q, want %q and %q", c.from, c.to, names(p.Allows()), names(p.Stops()), c.allow, c.stop)
		}
		if p.Filtered() != (c.services != "any") {
			t.Errorf("%s to %s: filtered is %v", c.from, c.to, p.Filtered())
		}
	}
}

func TestExpiredExceptionsAreNotInTheMatrix(t *testing.T) {
	s := enterprise(t)
	later := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	p, _ := analysis.NewMatrix(s, later).Between(s.Zone("dmz"), s.Zone("servers"))
	if len(p.Rules) != 0 || len(p.Services()) != 0 {
		t.Errorf("still there: %s", names(p.Rules))
	}
}

// TestMatrixAgreesWithDecide holds the matrix against the meaning of the site:
// whatever is allowed between two zones is in the matrix, with the rule that
// allows it, and every rule of the matrix decides some packet.
func TestMatrixAgreesWithDecide(t *testing.T) {
	s := enterprise(t)
	m := analysis.NewMatrix(s, now)
	decided := map[string]bool{}
	packets := 0
	for _, class := range probe.Classes(s, now) {
		d := s.Decide(class.Packet, now)
		if d.Rule == nil || d.Verdict == policy.Dropped && d.RuleName == policy.ByDefault {
			continue
		}
		packets++
		p, ok := m.Between(s.Zone(d.FromZone), s.Zone(d.ToZone))
		k := slices.IndexFunc(p.Rules, func(r analysis.PairRule) bool { return r.Name == d.RuleName })
		if !ok || k < 0 {
			t.Errorf("%v is decided by %s, which is not in the matrix from %s to %s", class.Packet, d.RuleName, d.FromZone, d.ToZone)
			continue
		}
		decided[d.FromZone+">"+d.ToZone+" "+d.RuleName] = true
	}
	if packets < 100 {
		t.Errorf("only %d packets were decided by a rule", packets)
	}
	for _, p := range m.Pairs {
		for _, r := range p.Rules {
			if key := policy.ZoneName(p.From) + ">" + policy.ZoneName(p.To) + " " + r.Name; !decided[key] {
				t.Errorf("%s is in the matrix and decides no packet", key)
			}
		}
	}
}
