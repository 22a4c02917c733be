package compile_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"glacis/internal/compile"
	"glacis/internal/nft"
	"glacis/internal/policy"
	"glacis/internal/predict"
	"glacis/internal/probe"

	"pgregory.net/rapid"
)

// TestCompileAgreesWithModel: for random sites and packets from the edges of
// everything in them, the emitted ruleset does what the site means, below every
// limit and above.
func TestCompileAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, text := randomSite(t)
		agree(t, s, compiled(t, s), text)
	})
}

// compiled is the site's first node with the ruleset as compiled.
func compiled(t interface{ Fatalf(string, ...any) }, s *policy.Site) predict.Node {
	cfg, diags := compile.Compile(s, s.Firewall.Nodes[0].Name, compile.Options{Now: now})
	if diags.HasErrors() {
		t.Fatalf("does not compile: %v", diags)
	}
	return predict.Node{Config: cfg, Active: true, Ruleset: cfg.Ruleset}
}

// disagreement holds model and ruleset against each other.
func disagreement(s *policy.Site, node predict.Node, p policy.Packet) string {
	want, d := predict.Model(s, p, now)
	for _, under := range []bool{true, false} {
		if !under {
			want = predict.OverLimit(want, d)
		}
		got, r, err := node.Eval(s, p, under)
		if err != nil {
			return err.Error()
		}
		// Where a packet of a connection goes the connection says, not the site.
		if (p.State != policy.New || d.RuleName == policy.ByNeighbour) && (got.Verdict == want.Verdict || r.Chain == nft.NoRoute) {
			continue
		}
		if under && !counted(d, r) {
			return fmt.Sprintf("rule %s decides, but counted are %v", d.RuleName, r.Counters)
		}
		if !got.Same(want) {
			return fmt.Sprintf("the site means: %s, by %s: %s (under limit: %v)\nthe ruleset has: %s, in chain %s by %v", want, d.RuleName, d.Reason, under, got, r.Chain, r.Rule)
		}
	}
	return ""
}

// counted: the rule that decides counts the packet, and no other rule does.
func counted(d policy.Decision, r nft.Result) bool {
	var want, got []string
	if d.Rule != nil {
		want = []string{compile.RuleCounter(d.RuleName)}
	}
	for _, c := range r.Counters {
		if strings.HasPrefix(c, "rule.") || c == compile.RuleCounter(policy.ManagementRuleName) {
			got = append(got, c)
		}
	}
	return slices.Equal(got, want)
}

// classes are the probes the lab would send.
func classes(s *policy.Site) []policy.Packet {
	var out []policy.Packet
	for _, p := range probe.Classes(s, now) {
		out = append(out, p.Packet)
	}
	return out
}

// packets draws packets from the edges of the site's addresses and a universe
// of few ports and types: some from anywhere, most around one of the rules.
func packets(t *rapid.T, s *policy.Site) []policy.Packet {
	four, six := byFamily(siteEdges(s))
	ins := []string{policy.Local}
	for _, i := range s.Firewall.Interfaces {
		ins = append(ins, i.Name)
	}
	one := rapid.Custom(func(t *rapid.T) policy.Packet {
		from := four
		if rapid.Bool().Draw(t, "v6") {
			from = six
		}
		p := policy.Packet{
			In:  pick(t, ins, "in"),
			Src: pick(t, from, "src"), Dst: pick(t, from, "dst"),
			Proto:   pick(t, []uint8{policy.TCP, policy.UDP, policy.ICMP, policy.ICMPv6, policy.GRE, policy.SCTP, 73, 0, 33}, "proto"),
			SrcPort: pick(t, []uint16{1, 2, 3, 4, 5, 67, 68}, "sport"), DstPort: pick(t, []uint16{0, 1, 2, 3, 4, 5, 6, 22, 67, 68}, "dport"),
			ICMPType: pick(t, []uint8{8, 128, 0, 1, 3, 4, 5, 11, 13, 129, 131, 133, 135, 136, 137, 143}, "type"), ICMPCode: pick(t, []uint8{0, 1}, "code"),
			Flags:    pick(t, []policy.TCPFlags{policy.SYN, policy.SYN | policy.ACK, policy.SYN | policy.FIN, policy.RST, policy.SYN | policy.ECE | policy.CWR}, "flags"),
			HopLimit: pick(t, []uint8{64, 1, 255}, "hops"),
			State:    pick(t, []policy.State{policy.New, policy.Established, policy.Related, policy.Invalid}, "state"),
		}
		switch kind := below(t, 8, "kind"); {
		case kind > 2 && len(s.Rules) > 0:
			aim(t, s, &p, from)
		case kind > 0 && s.InterfaceOf(p.Src) != nil:
			p.In = s.InterfaceOf(p.Src).Name
		}
		if p.State == policy.Related {
			p.Proto = pick(t, []uint8{policy.ICMP, p.Proto}, "error")
		}
		return p
	})
	var out []policy.Packet
	for _, p := range rapid.SliceOfN(one, 150, 150).Draw(t, "packets") {
		if !policy.HasPorts(p.Proto) {
			p.SrcPort, p.DstPort = 0, 0
		}
		if p.Proto == policy.ICMPv6 {
			p.State = policy.New // much of it is never tracked
		}
		// Where the firewall's own broadcasts go out no route says.
		if p.In != policy.Local || p.Dst.IsGlobalUnicast() && !s.IsSpecial(p.Dst) {
			out = append(out, p)
		}
	}
	return out
}

// aim turns a packet into one from around a rule, of the same family.
func aim(t *rapid.T, s *policy.Site, p *policy.Packet, family []netip.Addr) {
	r := pick(t, s.Rules, "rule")
	p.Src = around(t, s, pick(t, r.From, "from"), family)
	p.Dst = around(t, s, pick(t, r.To, "to"), family)
	p.In, p.State, p.Flags = policy.Local, policy.New, policy.SYN
	if i := s.InterfaceOf(p.Src); i != nil {
		p.In = i.Name
	}
	m := pick(t, pick(t, r.Services, "service").Matches, "match")
	if !m.Any {
		p.Proto = m.Proto
	}
	if m.ICMPType != nil {
		p.ICMPType = *m.ICMPType
	}
	if !m.Ports.IsAny() {
		p.DstPort = pick(t, []uint16{m.Ports.First, m.Ports.First, m.Ports.Last, m.Ports.First - 1, m.Ports.Last + 1}, "port")
	}
	if !m.FromPort.IsAny() {
		p.SrcPort = pick(t, []uint16{m.FromPort.First, m.FromPort.Last, m.FromPort.First - 1, m.FromPort.Last + 1}, "from port")
	}
}

// around is an address at the edge of an endpoint, if it has the family.
func around(t *rapid.T, s *policy.Site, e policy.Endpoint, family []netip.Addr) netip.Addr {
	set := e.Addrs
	switch {
	case set == nil && e.IsFirewall():
		set = s.Own()
	case set == nil:
		set = s.Set(e.Zone)
	}
	var near []netip.Addr
	for _, r := range set.Ranges() {
		if r.From().Is4() == family[0].Is4() {
			near = append(near, r.From(), r.To(), r.From(), r.To(), r.From().Prev(), r.To().Next())
		}
	}
	near = slices.DeleteFunc(near, func(a netip.Addr) bool { return !a.IsValid() || a.Is4() != family[0].Is4() })
	if len(near) == 0 {
		near = family
	}
	return pick(t, near, "near")
}

func byFamily(all []netip.Addr) (four, six []netip.Addr) {
	for _, a := range all {
		if a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	return four, six
}

// siteEdges are the addresses where the site's meaning changes, with those that
// belong to nobody.
func siteEdges(s *policy.Site) []netip.Addr {
	out := (&sketch{site: s}).edges()
	for _, r := range s.Own().Ranges() {
		out = append(out, r.From(), r.To(), r.To().Next())
	}
	for _, e := range rulesEnds(s) {
		if e.Addrs == nil {
			continue
		}
		for _, r := range e.Addrs.Ranges() {
			out = append(out, r.From(), r.To(), r.From().Prev(), r.To().Next())
		}
	}
	for _, l := range s.Blocklists {
		for _, r := range l.Addrs.Ranges() {
			out = append(out, r.From(), r.To(), r.From().Prev(), r.To().Next())
		}
	}
	for _, i := range s.Firewall.Interfaces {
		for _, p := range i.Addresses {
			out = append(out, p.Masked().Addr(), p.Addr())
		}
		out = append(out, i.Via...)
	}
	for _, a := range []string{"0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "169.254.1.1", "203.0.113.9", "10.0.0.15", "10.0.1.15", "192.168.7.7",
		"::", "::1", "ff02::1", "ff02::1:ff00:1", "fe80::1", "2001:db8:f::9", "fd00::1", "2001:db8:0::", "2001:db8:1::f"} {
		out = append(out, netip.MustParseAddr(a))
	}
	valid := out[:0]
	for _, a := range out {
		if a.IsValid() {
			valid = append(valid, a)
		}
	}
	return valid
}

func rulesEnds(s *policy.Site) []policy.Endpoint {
	var out []policy.Endpoint
	for _, r := range s.Rules {
		out = append(append(out, r.From...), r.To...)
	}
	for _, n := range s.NAT {
		out = append(out, n.From...)
	}
	return out
}
