// Package probe sends real packets through a firewall and holds what becomes of
// them against two predictions: what the site means (policy.Decide) and what
// the ruleset that the kernel holds says (nft.Eval). The three must agree.
package probe

import (
	"fmt"
	"net/netip"
	"time"

	"glacis/internal/policy"

	"go4.org/netipx"
)

// Probe is one packet to send, and why it is worth sending.
type Probe struct {
	Name   string
	Packet policy.Packet
}

// Classes returns packets for every class that the site distinguishes: for each
// rule, pair of zones and family a packet from the middle and the boundaries of
// every address, port, protocol and type; the default of each pair of zones;
// spoofed sources; packets out of state; the firewall's own addresses; NAT.
// The order is always the same.
func Classes(site *policy.Site, now time.Time) []Probe {
	g := &generator{site: site, now: now, seen: map[string]bool{}}
	for _, r := range site.Rules {
		g.rule(r)
	}
	g.pairs()
	g.firewallItself()
	g.spoofed()
	g.outOfState()
	g.nat()
	return g.out
}

type generator struct {
	site *policy.Site
	now  time.Time
	out  []Probe
	seen map[string]bool
	turn uint64 // turns through the addresses of a zone
}

// add appends a probe unless the same packet is there already. Where no source
// port matters each probe gets one of its own, so that connection tracking does
// not take one for another.
func (g *generator) add(name string, p policy.Packet) {
	if !p.Src.IsValid() || !p.Dst.IsValid() || p.Src.Is4() != p.Dst.Is4() {
		return
	}
	if policy.IsICMP(p.Proto) && (p.Proto == policy.ICMP) != p.Src.Is4() {
		return
	}
	key := fmt.Sprint(p)
	if g.seen[key] {
		return
	}
	g.seen[key] = true
	if policy.HasPorts(p.Proto) && p.SrcPort == 0 {
		p.SrcPort = uint16(20000 + len(g.out)%40000)
	}
	g.out = append(g.out, Probe{Name: name, Packet: p})
}

// rule makes the probes of one rule in each pair of zones it joins.
func (g *generator) rule(r *policy.Rule) {
	for _, f := range r.From {
		for _, t := range r.To {
			if f.IsFirewall() && t.IsFirewall() {
				continue
			}
			for _, is4 := range []bool{true, false} {
				g.flow(r, f, t, is4)
			}
		}
	}
}

// flow varies one field at a time around a packet from the middle of a rule.
func (g *generator) flow(r *policy.Rule, f, t policy.Endpoint, is4 bool) {
	name := fmt.Sprintf("rule %s, %s to %s", r.Name, f.ZoneName(), t.ZoneName())
	src := listed(g.ranges(f, t, is4), r.When.Source)
	dst := listed(g.ranges(t, f, is4), r.When.Destination)
	if len(src) == 0 || len(dst) == 0 {
		return
	}
	in := entry(f)
	for _, m := range matches(r) {
		base := func() policy.Packet {
			p := instance(m, is4)
			p.In, p.Src, p.Dst = in, g.inside(src), g.inside(dst)
			return p
		}
		g.add(name, base())
		for _, v := range variants(m, base()) {
			v.Src, v.Dst = g.inside(src), g.inside(dst)
			g.add(name+", at the edge of "+m.String(), v)
		}
		for _, a := range append(edges(src), networkEdges(f, is4)...) {
			p := base()
			p.Src = a
			g.add(name+", at the edge of its source", p)
		}
		for _, a := range append(edges(dst), networkEdges(t, is4)...) {
			p := base()
			p.Dst = a
			g.add(name+", at the edge of its destination", p)
		}
	}
}

// listed is the part of the ranges that a block list names; all of them where
// there is no list.
func listed(ranges []netipx.IPRange, l *policy.Blocklist) []netipx.IPRange {
	if l == nil {
		return ranges
	}
	if l.Addrs == nil {
		return nil
	}
	var b netipx.IPSetBuilder
	for _, r := range ranges {
		b.AddRange(r)
	}
	b.Intersect(l.Addrs)
	set, err := b.IPSet()
	if err != nil {
		return nil // the model holds no invalid address
	}
	return set.Ranges()
}

// entry is the interface a packet from an endpoint comes in by.
func entry(e policy.Endpoint) string {
	if e.IsFirewall() {
		return policy.Local
	}
	return e.Zone.Interface.Name
}

// ranges returns an endpoint's addresses of a family. The firewall itself is
// the address on the interface towards the other end.
func (g *generator) ranges(e, other policy.Endpoint, is4 bool) []netipx.IPRange {
	if e.IsFirewall() {
		for _, p := range other.Zone.Interface.Addresses {
			if p.Addr().Is4() == is4 {
				return []netipx.IPRange{netipx.IPRangeFrom(p.Addr(), p.Addr())}
			}
		}
		return nil
	}
	set := e.Addrs
	if set == nil {
		set = g.site.Set(e.Zone)
	}
	return family(set.Ranges(), is4)
}

func family(ranges []netipx.IPRange, is4 bool) []netipx.IPRange {
	var out []netipx.IPRange
	for _, r := range ranges {
		if r.From().Is4() == is4 {
			out = append(out, r)
		}
	}
	return out
}

// inside returns one address of the ranges, another one each time: limits count
// each source alone.
func (g *generator) inside(ranges []netipx.IPRange) netip.Addr {
	g.turn++
	r := ranges[g.turn%uint64(len(ranges))]
	return offset(r, g.turn*7)
}

// offset returns the n-th address of a range, counted around its last 16 bits.
func offset(r netipx.IPRange, n uint64) netip.Addr {
	lo, hi := r.From().AsSlice(), r.To().AsSlice()
	k := len(lo) - 2
	first := uint64(lo[k])<<8 | uint64(lo[k+1])
	last := uint64(hi[k])<<8 | uint64(hi[k+1])
	for j := range k {
		if lo[j] != hi[j] {
			last = 0xffff // the range goes on beyond
			break
		}
	}
	v := first + n%(last-first+1)
	lo[k], lo[k+1] = byte(v>>8), byte(v)
	a, _ := netip.AddrFromSlice(lo)
	return a
}

// maxEdges bounds how many ranges of a set are probed at their edges; the
// Internet has some thirty.
const maxEdges = 24

// edges returns the first and last address of ranges and the neighbours outside.
func edges(ranges []netipx.IPRange) []netip.Addr {
	var out []netip.Addr
	for k, r := range ranges {
		if k >= maxEdges {
			break
		}
		for _, a := range []netip.Addr{r.From(), r.To(), r.From().Prev(), r.To().Next()} {
			if a.IsValid() && sendable(a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// networkEdges are the edges of a whole zone's networks as they are written:
// what the zone owns may end before, at a broadcast or another zone's network.
func networkEdges(e policy.Endpoint, is4 bool) []netip.Addr {
	if e.IsFirewall() || e.Addrs != nil {
		return nil
	}
	var ranges []netipx.IPRange
	for _, n := range e.Zone.Networks {
		ranges = append(ranges, netipx.RangeOfPrefix(n))
	}
	return edges(family(ranges, is4))
}

// sendable leaves out what no link carries as an address of a neighbour.
func sendable(a netip.Addr) bool { return !a.IsUnspecified() && !a.IsLoopback() }

func matches(r *policy.Rule) []policy.Match {
	var out []policy.Match
	for _, s := range r.Services {
		out = append(out, s.Matches...)
	}
	return out
}

// instance is a packet from the middle of a match.
func instance(m policy.Match, is4 bool) policy.Packet {
	p := policy.Packet{Proto: m.Proto}
	switch {
	case m.Any:
		p.Proto, p.DstPort = policy.UDP, 33000
	case policy.IsICMP(m.Proto):
		p.ICMPType = echoRequest(is4)
		if m.ICMPType != nil {
			p.ICMPType = *m.ICMPType
		}
		if m.ICMPCode != nil {
			p.ICMPCode = *m.ICMPCode
		}
	case policy.HasPorts(m.Proto):
		p.DstPort = 33000
		if !m.Ports.IsAny() {
			p.DstPort = m.Ports.First + (m.Ports.Last-m.Ports.First)/2
		}
		if !m.FromPort.IsAny() {
			p.SrcPort = m.FromPort.First
		}
	}
	return p
}

func echoRequest(is4 bool) uint8 {
	if is4 {
		return 8
	}
	return 128
}

// variants are the packets at the edges of a match's ports, types and protocol.
func variants(m policy.Match, p policy.Packet) []policy.Packet {
	var out []policy.Packet
	with := func(change func(*policy.Packet)) {
		q := p
		change(&q)
		out = append(out, q)
	}
	switch {
	case m.Any:
		with(func(q *policy.Packet) { q.Proto, q.DstPort = policy.TCP, 1 })
		with(func(q *policy.Packet) { q.Proto, q.DstPort = policy.GRE, 0 })
	case policy.IsICMP(m.Proto):
		with(func(q *policy.Packet) { q.ICMPType++ })
		with(func(q *policy.Packet) { q.ICMPType-- })
		with(func(q *policy.Packet) { q.ICMPCode++ })
	case policy.HasPorts(m.Proto):
		if !m.Ports.IsAny() {
			for _, port := range []int{int(m.Ports.First), int(m.Ports.Last), int(m.Ports.First) - 1, int(m.Ports.Last) + 1} {
				if port >= 1 && port <= 65535 {
					with(func(q *policy.Packet) { q.DstPort = uint16(port) })
				}
			}
		}
		if !m.FromPort.IsAny() {
			for _, port := range []int{int(m.FromPort.Last), int(m.FromPort.First) - 1, int(m.FromPort.Last) + 1} {
				if port >= 1 && port <= 65535 {
					with(func(q *policy.Packet) { q.SrcPort = uint16(port) })
				}
			}
		}
		with(func(q *policy.Packet) { q.Proto = otherTransport(m.Proto) })
	default:
		with(func(q *policy.Packet) { q.Proto++ })
		with(func(q *policy.Packet) { q.Proto, q.DstPort = policy.UDP, 33000 })
	}
	return out
}

func otherTransport(proto uint8) uint8 {
	if proto == policy.TCP {
		return policy.UDP
	}
	return policy.TCP
}
