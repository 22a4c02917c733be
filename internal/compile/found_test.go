package compile_test

import (
	"net/netip"
	"strings"
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
		{"an ICMP error of IPv4 in IPv6 is none", "",
			policy.Packet{In: "inside", Src: addr("2001:db8:1::9"), Dst: addr("2001:db8:2::9"), Proto: policy.ICMP, ICMPType: 3, State: policy.Related}, policy.Dropped},
		{"neighbour discovery exists in IPv6 only", "",
			policy.Packet{In: "inside", Src: addr("10.1.0.9"), Dst: addr("10.1.0.1"), Proto: policy.ICMPv6, ICMPType: 135, HopLimit: 255}, policy.Dropped},
		{"the firewall's neighbour discovery has hop limit 255", "",
			policy.Packet{In: policy.Local, Src: addr("2001:db8:1::1"), Dst: addr("2001:db8:1::9"), Proto: policy.ICMPv6, ICMPType: 135, HopLimit: 64}, policy.Dropped},
		{"and its listener reports 1", "",
			policy.Packet{In: policy.Local, Src: addr("2001:db8:1::1"), Dst: addr("2001:db8:1::9"), Proto: policy.ICMPv6, ICMPType: 143, HopLimit: 2}, policy.Dropped},
		{"its resets about a connection leave", "",
			policy.Packet{In: policy.Local, Src: addr("10.2.0.9"), Dst: addr("10.1.0.9"), Proto: policy.TCP, Flags: policy.RST, State: policy.Related}, policy.Allowed},
		{"no DHCP reply with a forged source", "dhcp",
			policy.Packet{In: policy.Local, Src: addr("10.9.9.9"), Dst: addr("10.1.0.9"), Proto: policy.UDP, SrcPort: 67, DstPort: 68}, policy.Dropped},
		{"no DHCP reply by another interface", "dhcp",
			policy.Packet{In: policy.Local, Src: addr("10.1.0.1"), Dst: addr("10.2.0.9"), Proto: policy.UDP, SrcPort: 67, DstPort: 68}, policy.Dropped},
		{"DHCP requests come from the zone", "dhcp",
			policy.Packet{In: "inside", Src: addr("10.2.0.9"), Dst: addr("255.255.255.255"), Proto: policy.UDP, SrcPort: 68, DstPort: 67}, policy.Dropped},
		{"what the firewall's link-local address is asked is not for a rule", "rules: [{name: r, allow: ssh, from: 10.1.0.9, to: firewall, because: b, owner: o, exception: {ticket: T, approved-by: a, expires: 2027-01-01}}]",
			policy.Packet{In: "inside", Src: addr("2001:db8:1::9"), Dst: addr("fe80::1"), Proto: policy.TCP, DstPort: 22}, policy.Dropped},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := twoZones + c.rest
			if c.rest == "dhcp" {
				text = strings.Replace(twoZones, `"2001:db8:1::1/64"]}`, `"2001:db8:1::1/64"], dhcp: server}`, 1)
			}
			s := mustLoad(t, text)
			if d := s.Decide(c.packet, now); d.Verdict != c.want {
				t.Errorf("the site means %s, by %s", d.Verdict, d.RuleName)
			}
			if diff := disagreement(s, compiled(t, s), c.packet); diff != "" {
				t.Error(diff)
			}
		})
	}
}
