package compile_test

import (
	"net/netip"
	"testing"

	"glacis/internal/policy"
)

// twoZones is the smallest site: users and servers, both families.
const twoZones = `site: small
zones:
  users:   {role: users, networks: [10.1.0.0/24, "2001:db8:1::/64"]}
  servers: {role: servers, networks: [10.2.0.0/24, "2001:db8:2::/64"]}
firewall:
  name: fw
  nodes: {fw: {}}
  interfaces:
    inside: {device: eth0, zones: [users], address: [10.1.0.1/24, "2001:db8:1::1/64"]}
    far:    {device: eth1, zones: [servers], address: [10.2.0.1/24, "2001:db8:2::1/64"]}
`

func mustLoad(t testing.TB, text string) *policy.Site {
	t.Helper()
	s, _, err := load(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestFound keeps what the random sites found, as small as it gets.
func TestFound(t *testing.T) {
	for _, c := range []struct {
		name, rest string
		packet     policy.Packet
		want       policy.Verdict
	}{
		{"ICMP in IPv6 is no ICMP", "rules: [{name: r, allow: icmp, from: users, to: servers, because: b, owner: o}]",
			policy.Packet{In: "inside", Src: addr("2001:db8:1::9"), Dst: addr("2001:db8:2::9"), Proto: policy.ICMP, ICMPType: 8}, policy.Dropped},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustLoad(t, twoZones+c.rest)
			if d := s.Decide(c.packet, now); d.Verdict != c.want {
				t.Errorf("the site means %s, by %s", d.Verdict, d.RuleName)
			}
			if diff := disagreement(s, compiled(t, s), c.packet); diff != "" {
				t.Error(diff)
			}
		})
	}
}
