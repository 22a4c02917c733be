package policy_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/fstest"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"
	"glacis/internal/site"
)

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// base is a site with every role; what follows "rules:" is the test's.
const base = `site: decide
zones:
  internet: {role: internet}
  dmz:      {role: dmz, networks: [192.0.2.0/26, "2001:db8:20::/64"]}
  users:    {role: users, networks: [10.16.0.0/16, "2001:db8:16::/64"]}
  servers:  {role: servers, networks: [10.8.0.0/16]}
  admin:    {role: management, networks: [10.0.99.0/28]}
  partner:  {role: partner, networks: [172.16.10.0/24]}
  branch:   {role: branch, networks: [10.64.0.0/16]}
  guest:    {role: guest, networks: [10.99.0.0/24]}
firewall:
  name: edge
  nodes: {edge: {}}
  interfaces:
    outside: {device: eth0, zones: [internet], address: [198.51.100.1/28, "2001:db8:1::1/64"]}
    dmz:     {device: eth1, zones: [dmz], address: [192.0.2.1/26, "2001:db8:20::1/64"]}
    core:    {device: eth2, zones: [users, servers, admin], address: [10.0.0.1/24, "2001:db8:10::1/64"], via: [10.0.0.254, "2001:db8:10::fe"]}
    partner: {device: eth3, zones: [partner], address: [172.16.10.1/24]}
    wan:     {device: eth4, zones: [branch], address: [10.255.0.1/29], via: 10.255.0.6}
    guest:   {device: eth5, zones: [guest], address: [10.99.0.1/24], dhcp: server}
  gateway: [198.51.100.14, "2001:db8:1::e"]
  management: {stations: [admin1], services: [ssh]}
hosts:
  admin1: {zone: admin, address: 10.0.99.10}
  web1:   {zone: dmz, address: [192.0.2.10, "2001:db8:20::10"]}
  db1:    {zone: servers, address: 10.8.0.20}
  pc1:    {zone: users, address: 10.16.0.50}
  acme:   {zone: partner, address: 172.16.10.40}
  bpc:    {zone: branch, address: 10.64.0.9}
  guest1: {zone: guest, address: 10.99.0.77}
  mirror: {zone: internet, address: 203.0.113.80}
`

const rules = `
rules:
  - {name: web, allow: https, from: [internet, users, guest], to: web1, because: b, owner: o}
  - {name: no-telnet, reject: telnet, from: users, to: dmz, because: b, owner: o}
  - {name: browse, allow: [http, https], from: [users, guest], to: internet, because: b, owner: o}
  - {name: old, allow: smtp, from: web1, to: mirror, because: b, owner: o, exception: {ticket: T, approved-by: a, expires: 2026-11-30}}
  - {name: last-day, allow: ssh, from: web1, to: mirror, because: b, owner: o, exception: {ticket: T, approved-by: a, expires: 2026-12-01}}
nat:
  - {name: hide, masquerade: [users, guest], to: internet, as: 198.51.100.2}
  - {name: publish, publish: tcp/8443, at: 198.51.100.3, to: web1, port: 443}
  - {name: one, map: db1, at: 198.51.100.4, to: internet}
  - {name: never, exempt: partner}
`

func load(t *testing.T, text string) *policy.Site {
	t.Helper()
	s, diags := tryLoad(text)
	if s == nil {
		t.Fatal(diags)
	}
	return s
}

func tryLoad(text string) (*policy.Site, diag.List) {
	s, diags, _ := site.Load(fstest.MapFS{"site.yaml": {Data: []byte(text)}}, site.Options{Now: now})
	return s, diags
}

func tcp(in, src, dst string, port uint16) policy.Packet {
	return policy.Packet{In: in, Src: addr(src), Dst: addr(dst), Proto: policy.TCP, SrcPort: 40000, DstPort: port}
}

func icmp(in, src, dst string, kind uint8, state policy.State) policy.Packet {
	return policy.Packet{In: in, Src: addr(src), Dst: addr(dst), Proto: policy.ICMP, ICMPType: kind, State: state}
}

func with(p policy.Packet, change func(*policy.Packet)) policy.Packet { change(&p); return p }

// TestDecide is the meaning of the site language, a case a line.
func TestDecide(t *testing.T) {
	s := load(t, base+rules)
	syn := tcp("users", "10.16.0.50", "192.0.2.10", 443)
	syn.In = "core"
	nd := policy.Packet{In: "outside", Src: addr("fe80::9"), Dst: addr("ff02::1:ff00:1"), Proto: policy.ICMPv6, ICMPType: 135, HopLimit: 255}
	dhcp := policy.Packet{In: "guest", Src: addr("0.0.0.0"), Dst: addr("255.255.255.255"), Proto: policy.UDP, SrcPort: 68, DstPort: 67}
	for _, c := range []struct {
		name    string
		p       policy.Packet
		verdict policy.Verdict
		rule    string
	}{
		{"a rule", tcp("outside", "203.0.113.9", "192.0.2.10", 443), policy.Allowed, "web"},
		{"its IPv6 half", tcp("outside", "2001:db8:f::9", "2001:db8:20::10", 443), policy.Allowed, "web"},
		{"another port", tcp("outside", "203.0.113.9", "192.0.2.10", 444), policy.Dropped, policy.ByDefault},
		{"a reject", tcp("core", "10.16.0.50", "192.0.2.20", 23), policy.Rejected, "no-telnet"},
		{"the source's interface is found", tcp("", "10.16.0.50", "192.0.2.10", 443), policy.Allowed, "web"},

		{"a source from another interface", tcp("outside", "10.16.0.50", "192.0.2.10", 443), policy.Dropped, policy.BySpoof},
		{"a source of ours forged from inside", tcp("core", "203.0.113.9", "192.0.2.10", 443), policy.Dropped, policy.BySpoof},
		{"a bogon", tcp("outside", "192.168.1.1", "192.0.2.10", 443), policy.Dropped, policy.BySpoof},
		{"the firewall's own address", tcp("core", "10.0.0.1", "192.0.2.10", 443), policy.Dropped, policy.BySpoof},
		{"a router on the transit net", tcp("core", "10.0.0.254", "192.0.2.10", 443), policy.Dropped, policy.BySpoof},
		{"its ICMP errors", icmp("core", "10.0.0.254", "192.0.2.10", 11, policy.Related), policy.Allowed, policy.ByRelated},
		{"an unknown interface", tcp("nowhere", "10.16.0.50", "192.0.2.10", 443), policy.Dropped, policy.ByDefault},

		{"zones behind one interface", tcp("", "10.16.0.50", "10.8.0.20", 5432), policy.Allowed, policy.NotFiltered},
		{"hosts of one zone", tcp("", "10.16.0.50", "10.16.9.9", 445), policy.Allowed, policy.NotFiltered},
		{"sent to the firewall all the same", tcp("core", "10.16.0.50", "10.8.0.20", 5432), policy.Dropped, policy.ByDefault},

		{"a station", tcp("core", "10.0.99.10", "10.0.0.1", 22), policy.Allowed, policy.ManagementRuleName},
		{"its neighbour", tcp("core", "10.0.99.11", "10.0.0.1", 22), policy.Dropped, policy.ByDefault},
		{"a station, another service", tcp("core", "10.0.99.10", "10.0.0.1", 443), policy.Dropped, policy.ByDefault},
		{"a station, another interface's address", tcp("core", "10.0.99.10", "198.51.100.1", 22), policy.Dropped, policy.ByDefault},
		{"the Internet to the firewall", tcp("outside", "203.0.113.9", "198.51.100.1", 443), policy.Dropped, policy.ByDefault},

		{"no SYN", with(syn, func(p *policy.Packet) { p.Flags = policy.ACK }), policy.Dropped, policy.ByState},
		{"no flag at all", with(syn, func(p *policy.Packet) { p.NoFlags = true }), policy.Dropped, policy.ByState},
		{"SYN and FIN", with(syn, func(p *policy.Packet) { p.Flags = policy.SYN | policy.FIN }), policy.Dropped, policy.ByState},
		{"SYN with ECN", with(syn, func(p *policy.Packet) { p.Flags = policy.SYN | policy.ECE | policy.CWR }), policy.Allowed, "web"},
		{"established", with(syn, func(p *policy.Packet) { p.Flags, p.State, p.DstPort = policy.ACK, policy.Established, 9 }), policy.Allowed, policy.ByEstablished},
		{"invalid", with(syn, func(p *policy.Packet) { p.State = policy.Invalid }), policy.Dropped, policy.ByState},
		{"an unasked ICMP error", icmp("outside", "203.0.113.9", "192.0.2.10", 3, policy.New), policy.Dropped, policy.ByState},
		{"an ICMP error about a connection", icmp("outside", "203.0.113.9", "192.0.2.10", 3, policy.Related), policy.Allowed, policy.ByRelated},
		{"a redirect about a connection", icmp("outside", "203.0.113.9", "192.0.2.10", 5, policy.Related), policy.Dropped, policy.ByState},
		{"ICMP in IPv6 is no ICMP error", icmp("outside", "2001:db8:f::9", "2001:db8:20::10", 3, policy.Related), policy.Dropped, policy.ByState},
		{"TCP related to a connection", with(syn, func(p *policy.Packet) { p.State = policy.Related }), policy.Dropped, policy.ByState},

		{"neighbour discovery", nd, policy.Allowed, policy.ByNeighbour},
		{"from beyond the link", with(nd, func(p *policy.Packet) { p.HopLimit = 64 }), policy.Dropped, policy.BySpoof},
		{"router advertisement", with(nd, func(p *policy.Packet) { p.ICMPType = 134 }), policy.Dropped, policy.BySpoof},
		{"its number in IPv4", policy.Packet{In: "guest", Src: addr("10.99.0.77"), Dst: addr("10.99.0.1"), Proto: policy.ICMPv6, ICMPType: 135, HopLimit: 255}, policy.Dropped, policy.ByState},

		{"DHCP where it is declared", dhcp, policy.Allowed, policy.ByDHCP},
		{"DHCP elsewhere", with(dhcp, func(p *policy.Packet) { p.In = "core" }), policy.Dropped, policy.BySpoof},
		{"DHCP renewal", with(dhcp, func(p *policy.Packet) { p.Src, p.Dst = addr("10.99.0.77"), addr("10.99.0.1") }), policy.Allowed, policy.ByDHCP},
		{"DHCP to another address", with(dhcp, func(p *policy.Packet) { p.Src, p.Dst = addr("10.99.0.77"), addr("198.51.100.1") }), policy.Dropped, policy.ByDefault},
		{"DHCP from the wrong port", with(dhcp, func(p *policy.Packet) { p.SrcPort = 67 }), policy.Dropped, policy.BySpoof},
		{"DHCP reply", policy.Packet{In: policy.Local, Src: addr("10.99.0.1"), Dst: addr("10.99.0.77"), Proto: policy.UDP, SrcPort: 67, DstPort: 68}, policy.Allowed, policy.ByDHCP},
		{"DHCP reply elsewhere", policy.Packet{In: policy.Local, Src: addr("10.0.0.1"), Dst: addr("10.16.0.50"), Proto: policy.UDP, SrcPort: 67, DstPort: 68}, policy.Dropped, policy.ByDefault},

		{"an expired exception", tcp("dmz", "192.0.2.10", "203.0.113.80", 25), policy.Dropped, policy.ByDefault},
		{"an exception on its last day", tcp("dmz", "192.0.2.10", "203.0.113.80", 22), policy.Allowed, "last-day"},

		{"a published service", tcp("outside", "203.0.113.9", "198.51.100.3", 8443), policy.Allowed, "web"},
		{"another port of the address", tcp("outside", "203.0.113.9", "198.51.100.3", 443), policy.Dropped, policy.ByDefault},
		{"a mapped host that no rule lets anybody reach", tcp("outside", "203.0.113.9", "198.51.100.4", 443), policy.Dropped, policy.ByDefault},
		{"published, from a zone that is never translated", tcp("partner", "172.16.10.40", "198.51.100.3", 8443), policy.Dropped, policy.ByDefault},

		{"broadcast", tcp("core", "10.16.0.50", "192.0.2.63", 443), policy.Dropped, policy.ByDefault},
		{"multicast", tcp("core", "10.16.0.50", "224.0.0.5", 443), policy.Dropped, policy.ByDefault},
		{"a bogon as destination", tcp("core", "10.16.0.50", "192.168.1.1", 443), policy.Dropped, policy.ByDefault},
		{"two families", tcp("core", "10.16.0.50", "2001:db8:20::10", 443), policy.Dropped, policy.ByDefault},

		{"the firewall itself", tcp(policy.Local, "198.51.100.1", "203.0.113.80", 443), policy.Dropped, policy.ByDefault},
		{"with a forged source", tcp(policy.Local, "10.16.0.50", "203.0.113.80", 443), policy.Dropped, policy.BySpoof},
		{"its resets about a connection", with(tcp(policy.Local, "192.0.2.10", "10.16.0.50", 40000), func(p *policy.Packet) { p.State, p.Flags = policy.Related, policy.RST }), policy.Allowed, policy.ByRelated},
		{"to itself", tcp(policy.Local, "10.0.0.1", "10.99.0.1", 80), policy.Allowed, policy.NotFiltered},
		{"its listener reports", policy.Packet{In: policy.Local, Src: addr("fe80::1"), Dst: addr("ff02::16"), Proto: policy.ICMPv6, ICMPType: 143, HopLimit: 1}, policy.Allowed, policy.ByNeighbour},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := s.Decide(c.p, now); d.Verdict != c.verdict || d.RuleName != c.rule || d.Reason == "" {
				t.Errorf("%s: %s by %s (%s), want %s by %s", c.p, d.Verdict, d.RuleName, d.Reason, c.verdict, c.rule)
			}
		})
	}
}

// TestDecideTranslates: rules are asked about real addresses, and the packet
// leaves as NAT has it.
func TestDecideTranslates(t *testing.T) {
	s := load(t, base+rules)
	for _, c := range []struct {
		p        policy.Packet
		src, dst string
		port     uint16
	}{
		{tcp("core", "10.16.0.50", "203.0.113.80", 443), "198.51.100.2", "203.0.113.80", 443},
		{tcp("core", "2001:db8:16::50", "2001:db8:f::80", 443), "2001:db8:16::50", "2001:db8:f::80", 443},
		{tcp("core", "10.16.0.50", "192.0.2.10", 443), "10.16.0.50", "192.0.2.10", 443},
		{tcp("outside", "203.0.113.9", "198.51.100.3", 8443), "203.0.113.9", "192.0.2.10", 443},
		{tcp("guest", "10.99.0.77", "203.0.113.80", 80), "198.51.100.2", "203.0.113.80", 80},
	} {
		d := s.Decide(c.p, now)
		if d.Verdict != policy.Allowed || d.Src.String() != c.src || d.Dst.String() != c.dst || d.DstPort != c.port {
			t.Errorf("%s leaves as %s -> %s:%d (%s)", c.p, d.Src, d.Dst, d.DstPort, d.RuleName)
		}
	}
}

// TestPacketString: a packet is written as people say it.
func TestPacketString(t *testing.T) {
	for want, p := range map[string]policy.Packet{
		"tcp 10.0.0.1 -> 10.0.0.2:25 from-port 40000":                                             tcp("", "10.0.0.1", "10.0.0.2", 25),
		"tcp 2001:db8::1 -> [2001:db8::2]:25 from-port 40000 flags ack state established in core": with(tcp("core", "2001:db8::1", "2001:db8::2", 25), func(p *policy.Packet) { p.Flags, p.State = policy.ACK, policy.Established }),
		"tcp 10.0.0.1 -> 10.0.0.2:25 from-port 40000 flags none":                                  with(tcp("", "10.0.0.1", "10.0.0.2", 25), func(p *policy.Packet) { p.NoFlags = true }),
		"icmp 10.0.0.1 -> 10.0.0.2 type 3 code 1 state related":                                   with(icmp("", "10.0.0.1", "10.0.0.2", 3, policy.Related), func(p *policy.Packet) { p.ICMPCode = 1 }),
		"gre 10.0.0.1 -> 10.0.0.2 ttl 1 in firewall":                                              {In: policy.Local, Src: addr("10.0.0.1"), Dst: addr("10.0.0.2"), Proto: policy.GRE, HopLimit: 1},
		"73 10.0.0.1 -> 10.0.0.2":                                                                 {Src: addr("10.0.0.1"), Dst: addr("10.0.0.2"), Proto: 73},
	} {
		if got := fmt.Sprint(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
