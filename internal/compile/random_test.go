package compile_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing/fstest"
	"time"

	"glacis/internal/policy"
	"glacis/internal/site"

	"go4.org/netipx"
	"pgregory.net/rapid"
)

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// sketch is a random site while it is being written: text, so that it passes
// the reader and every check that a real one passes.
type sketch struct {
	t     *rapid.T
	zones []string // "name: {...}"
	legs  []leg

	pair     bool // two nodes
	internet bool
	used     map[netip.Prefix]bool

	site  *policy.Site // zones and firewall as they are read
	hosts []string
	pool  []netip.Addr // addresses of hosts, and of nobody
	names []string     // what a rule may name
	focus [2][]string  // what there is to name in one pair of zones
	rules []string
	nat   []string
	lists string
}

// leg is one interface of the sketch.
type leg struct {
	text  string
	zones []string
	v6    bool
}

// randomSite draws a small site with everything the language has: several
// zones behind an interface, nested networks, both families, NAT of every kind,
// block lists, exceptions. What does not validate is left out.
func randomSite(t *rapid.T) (*policy.Site, string) {
	s := &sketch{t: t, used: map[netip.Prefix]bool{}}
	s.network()
	base, _, err := load(s.text(), "")
	if err != nil {
		t.Skip(err)
	}
	s.site = base
	s.drawHosts()
	s.drawNAT()
	s.drawFocus()
	for k := range s.count(1, 24, "rules") {
		s.rules = append(s.rules, s.rule(k))
	}
	for range s.count(0, 4, "listed") {
		s.lists += pick(t, s.literals(), "listed") + "\n"
	}
	return s.prune()
}

// below draws a number from 0 to n-1, each as likely as the others: rapid's own
// ranges prefer small numbers, which makes for poor sites.
func below(t *rapid.T, n int, what string) int {
	v := 0
	for most := 1; most < 4*n; most *= 2 {
		v *= 2
		if rapid.Bool().Draw(t, what) {
			v++
		}
	}
	return v % n
}

func pick[T any](t *rapid.T, from []T, what string) T { return from[below(t, len(from), what)] }

func (s *sketch) chance(percent int, what string) bool {
	return below(s.t, 100, what) >= 100-percent
}

// count draws from least to most.
func (s *sketch) count(least, most int, what string) int {
	return least + below(s.t, most-least+1, what)
}

// network draws interfaces and the zones behind them.
func (s *sketch) network() {
	roles := []string{"users", "users", "users", "management", "management", "servers", "dmz", "partner", "branch", "guest"}
	s.internet, s.pair = s.chance(80, "internet"), s.chance(30, "pair")
	n := s.count(2, 3, "interfaces")
	for k := range n {
		l := leg{v6: s.chance(60, "v6")}
		address := []string{fmt.Sprintf("10.0.%d.1/28", k)}
		via := []string{fmt.Sprintf("10.0.%d.14", k)}
		if l.v6 {
			address = append(address, fmt.Sprintf(`"2001:db8:%d::1/124"`, k))
			via = append(via, fmt.Sprintf(`"2001:db8:%d::e"`, k))
		}
		for z := range s.count(1, 3, "zones") {
			name := fmt.Sprintf("z%d%d", k, z)
			l.zones = append(l.zones, name)
			limit := ""
			if s.chance(20, "unlimited") {
				limit = ", new-connections: none"
			}
			s.zones = append(s.zones, fmt.Sprintf("%s: {role: %s, networks: [%s]%s}", name, pick(s.t, roles, "role"), strings.Join(s.networks(k, l.v6), ", "), limit))
		}
		dhcp := ""
		if s.chance(30, "dhcp") {
			dhcp = ", dhcp: server"
		}
		l.text = fmt.Sprintf("if%d: {device: eth%d, zones: [%s], address: [%s], via: [%s]%s}", k, k, strings.Join(l.zones, ", "), strings.Join(address, ", "), strings.Join(via, ", "), dhcp)
		s.legs = append(s.legs, l)
	}
	if s.internet {
		s.zones = append(s.zones, "world: {role: internet}")
		s.legs = append(s.legs, leg{text: `outside: {device: wan, zones: [world], address: [198.51.100.1/28, "2001:db8:ff::1/124"]}`, zones: []string{"world"}, v6: true})
	}
}

// networks draws networks of one zone from a space so small that they collide:
// parts of the interface's subnet, and what lies behind its next hop.
func (s *sketch) networks(k int, v6 bool) []string {
	var out []string
	for range s.count(1, 3, "networks") {
		var p netip.Prefix
		low := byte(s.count(0, 255, "low"))
		switch pick(s.t, []int{0, 1, 1, 2}, "where") {
		case 0:
			p = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(k), low & 15}), s.count(28, 31, "bits"))
		case 1:
			if v6 {
				p = netip.PrefixFrom(netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::%x", pick(s.t, []int{k, 9}, "net6"), low&31)), s.count(123, 127, "bits"))
				break
			}
			fallthrough
		default:
			p = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, 0, low}), s.count(24, 32, "bits"))
		}
		if p = p.Masked(); !s.used[p] {
			s.used[p] = true
			out = append(out, `"`+p.String()+`"`)
		}
	}
	if len(out) == 0 { // all were taken: one that cannot be
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 2, byte(len(s.zones)), byte(k)}), 32)
		out = append(out, p.String())
	}
	return out
}

// edges are the addresses at which the fate of packets changes.
func (s *sketch) edges() []netip.Addr {
	var out []netip.Addr
	add := func(r netipx.IPRange) {
		for _, a := range []netip.Addr{r.From(), r.To(), r.From().Next(), r.From().Prev(), r.To().Next()} {
			if a.IsValid() && r.From().Is4() == a.Is4() {
				out = append(out, a)
			}
		}
	}
	for _, z := range s.site.Zones {
		for k, r := range s.site.Set(z).Ranges() {
			if k < 4 || z.Role != policy.Internet {
				add(r)
			}
		}
	}
	return out
}

func (s *sketch) drawHosts() {
	free := s.edges()
	for _, e := range []string{"203.0.113.9", "198.51.100.5", "2001:db8:f::9", "2001:db8:ff::5"} {
		free = append(free, netip.MustParseAddr(e))
	}
	s.pool = free
	taken := map[netip.Addr]bool{}
	for _, z := range s.site.Zones {
		for n := range s.count(0, 2, "hosts") {
			var addrs []string
			for _, is4 := range []bool{true, false} {
				for _, a := range free {
					if a.Is4() == is4 && !taken[a] && s.site.ZoneOf(a) == z && (is4 || s.chance(60, "host v6")) {
						taken[a] = true
						addrs = append(addrs, `"`+a.String()+`"`)
						break
					}
				}
			}
			if len(addrs) == 0 {
				continue
			}
			name := fmt.Sprintf("h%s%d", z.Name, n)
			s.names = append(s.names, name)
			s.hosts = append(s.hosts, fmt.Sprintf("%s: {zone: %s, address: [%s]}", name, z.Name, strings.Join(addrs, ", ")))
		}
	}
}

// literals are networks, addresses and ranges written in place.
func (s *sketch) literals() []string {
	out := []string{`"10.1.0.0/24"`, `"10.1.0.64/26"`, `"10.1.0.100-10.1.0.140"`, `"2001:db8:9::/120"`, `"10.0.0.0/14"`, `"203.0.113.0/24"`, `"0.0.0.0/0"`}
	for k, a := range s.pool {
		if k%7 == 0 {
			out = append(out, `"`+a.String()+`"`)
		}
	}
	for k := range out {
		out[k] = strings.Trim(out[k], `"`)
	}
	return out
}

// drawFocus chooses the pair of zones that half of the rules are about, so that
// rules of one pair follow each other.
func (s *sketch) drawFocus() {
	from := pick(s.t, s.site.Zones, "focus from")
	for _, to := range s.site.Zones {
		if to.Interface == from.Interface || s.focus[1] != nil && s.chance(60, "focus stays") {
			continue
		}
		for k, z := range []*policy.Zone{from, to} {
			s.focus[k] = []string{z.Name}
			for _, a := range s.pool {
				if s.site.ZoneOf(a) == z && len(s.focus[k]) < 12 {
					s.focus[k] = append(s.focus[k], `"`+a.String()+`"`)
				}
			}
		}
	}
}

func (s *sketch) ends(what string, firewall bool) string {
	var zones []string
	for _, z := range s.site.Zones {
		zones = append(zones, z.Name)
	}
	var out []string
	for range s.count(1, 3, what) {
		switch n := s.count(0, 9, "kind"); {
		case n < 4:
			out = append(out, pick(s.t, zones, "zone"))
		case n < 6 && len(s.names) > 0:
			out = append(out, pick(s.t, s.names, "host"))
		case n < 8:
			out = append(out, `"`+pick(s.t, s.literals(), "literal")+`"`)
		case n == 8 && firewall:
			out = append(out, "firewall")
		default:
			out = append(out, "any")
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

var someServices = []string{"any", "tcp/2-4", "tcp/3", "tcp/5", "udp/2-5", "udp/3", "tcp", "udp/1-6 from 2-3", "tcp from 4", "icmp-echo", "icmp/8/1", "icmp", "icmpv6",
	"icmpv6/128/0", "gre", "sctp/3", "sctp/2-5 from 1", "proto/73", "proto/0", "esp", "ssh", "icmp/3", "icmpv6/135", "dcc" + "p/3"}

func (s *sketch) services() string {
	var out []string
	for range s.count(1, 3, "services") {
		out = append(out, pick(s.t, someServices, "service"))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// rule draws one rule. Most are plain allow rules, so that runs of them merge.
func (s *sketch) rule(k int) string {
	action := pick(s.t, []string{"allow", "allow", "allow", "drop", "reject"}, "action")
	services := s.services()
	if s.chance(60, "plain") {
		action, services = "allow", pick(s.t, []string{"tcp/1", "tcp/2", "tcp/3", "tcp/2-4", "tcp/5-6", "udp/3", "udp/5", "sctp/3", "[tcp/2-4, udp/3]", "tcp"}, "service")
	}
	if s.chance(40, "run") { // distinct ports: rules that can become one lookup
		action, services = "allow", fmt.Sprintf("tcp/%d-%d", 10+2*k, 10+2*k+s.count(0, 2, "wide"))
	}
	var from, to string
	if s.focus[1] != nil && s.chance(75, "focused") {
		from, to = pick(s.t, s.focus[0], "from"), pick(s.t, s.focus[1], "to")
	} else {
		from, to = s.ends("from", true), s.ends("to", true)
	}
	text := fmt.Sprintf("- {name: r%d, %s: %s, from: %s, to: %s, because: b, owner: o", k, action, services, from, to)
	if s.chance(50, "exception") {
		expires := "2027-06-30"
		if s.chance(25, "expired") {
			expires = "2026-11-30"
		}
		text += ", exception: {ticket: T-1, approved-by: ciso, expires: " + expires + "}"
	}
	if action == "allow" && s.chance(8, "log") {
		text += ", log: true"
	}
	if action == "allow" && s.chance(8, "limit") {
		text += ", limit: {new: 5/s, per: " + pick(s.t, []string{"source", "rule"}, "per") + "}"
	}
	if s.chance(8, "when") {
		text += ", when: {" + pick(s.t, []string{"source", "destination"}, "of") + ": blocklist.bad}"
	}
	return text + "}"
}

func (s *sketch) drawNAT() {
	for k := range s.count(0, 4, "nat") {
		at := pick(s.t, []string{"198.51.100.1", "198.51.100.3", "198.51.100.4", "10.0.0.1", "10.0.1.9", "192.0.2.77", `"2001:db8:ff::3"`, `198.51.100.6, "2001:db8:ff::6"`}, "at")
		var zones []string
		for _, z := range s.site.Zones {
			zones = append(zones, z.Name)
		}
		to := pick(s.t, zones, "nat zone")
		if s.internet && s.chance(50, "to the world") {
			to = "world"
		}
		text := fmt.Sprintf("- {name: n%d, exempt: %s}", k, to)
		switch n := s.count(0, 3, "nat kind"); {
		case n == 0:
			as := ""
			if s.chance(50, "as") {
				as = ", as: [" + at + "]"
			}
			text = fmt.Sprintf("- {name: n%d, masquerade: %s, to: %s%s}", k, s.ends("masquerade", false), to, as)
		case n == 1 && len(s.names) > 0:
			text = fmt.Sprintf("- {name: n%d, map: %s, at: [%s], to: %s}", k, pick(s.t, s.names, "host"), at, to)
		case n == 2 && len(s.names) > 0:
			service := pick(s.t, []string{"tcp/3", "tcp/2-4", "udp/3", "[tcp/3, udp/5]", "tcp/5 from 2"}, "published")
			text = fmt.Sprintf("- {name: n%d, publish: %s, at: [%s], to: %s", k, service, at, pick(s.t, s.names, "host"))
			if s.chance(40, "port") {
				text += ", port: 4"
			}
			if s.chance(40, "for whom") {
				text += ", from: " + s.ends("published to", false)
			}
			text += "}"
		}
		s.nat = append(s.nat, text)
	}
}

// text writes the site down, one entry a line.
func (s *sketch) text() string {
	var b strings.Builder
	section := func(name, indent string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s:\n%s%s\n", name, indent, strings.Join(lines, "\n"+indent))
		}
	}
	b.WriteString("site: random\n")
	section("zones", "  ", s.zones)
	b.WriteString("firewall:\n  name: fw\n")
	if s.pair {
		b.WriteString("  nodes: {fw: {management: 10.0.0.12}, other: {management: 10.0.0.13}}\n  failover: {device: sync, address: [10.255.255.1/30, 10.255.255.2/30]}\n")
	} else {
		b.WriteString("  nodes: {fw: {}}\n")
	}
	b.WriteString("  interfaces:\n")
	for _, l := range s.legs {
		fmt.Fprintf(&b, "    %s\n", l.text)
	}
	if s.internet {
		b.WriteString("  gateway: [198.51.100.14, \"2001:db8:ff::e\"]\n")
	}
	if s.site != nil {
		for _, h := range s.hosts {
			name, _, _ := strings.Cut(h, ":")
			if z := s.site.Zone(strings.TrimSuffix(strings.TrimPrefix(name, "h"), name[len(name)-1:])); z != nil && z.Role == policy.Management {
				fmt.Fprintf(&b, "  management: {stations: [%s], services: [ssh, tcp/3]}\n", name)
				break
			}
		}
	}
	section("hosts", "  ", s.hosts)
	if len(s.rules) > 0 {
		b.WriteString("blocklists: {bad: {file: bad.txt}}\n")
	}
	section("rules", "  ", s.rules)
	section("nat", "  ", s.nat)
	return b.String()
}

// prune leaves out every line that the reader refuses, until nothing is wrong.
func (s *sketch) prune() (*policy.Site, string) {
	for range 40 {
		text := s.text()
		loaded, bad, err := load(text, s.lists)
		if err == nil {
			return loaded, text
		}
		lines := strings.Split(text, "\n")
		before := len(s.rules) + len(s.nat) + len(s.hosts)
		for _, n := range bad {
			drop(&s.rules, lines[n-1])
			drop(&s.nat, lines[n-1])
			drop(&s.hosts, lines[n-1])
		}
		if len(s.rules)+len(s.nat)+len(s.hosts) == before {
			s.t.Skip(err)
		}
	}
	s.t.Skip("too much is wrong with it")
	return nil, ""
}

func drop(lines *[]string, line string) {
	for k, l := range *lines {
		if l == strings.TrimSpace(line) {
			*lines = append((*lines)[:k:k], (*lines)[k+1:]...)
			return
		}
	}
}

// load reads a site; the lines are those with an error on them.
func load(text, list string) (*policy.Site, []int, error) {
	s, diags, _ := site.Load(fstest.MapFS{"site.yaml": {Data: []byte(text)}, "bad.txt": {Data: []byte(list)}}, site.Options{Now: now})
	var bad []int
	for _, d := range diags {
		if d.Severity == 1 && d.Range.File == "site.yaml" {
			bad = append(bad, d.Range.Start.Line)
		}
	}
	return s, bad, diags.Err()
}
