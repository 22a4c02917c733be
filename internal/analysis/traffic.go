package analysis

import (
	"time"

	"glacis/internal/netset"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// Results of the lists that a site's pairs of zones are.
const (
	dropped int32 = iota
	allowed
	rejected
)

// Traffic is what goes from one zone to another, or to or from the firewall
// itself (nil), and the rules that decide about its new connections, in order.
type Traffic struct {
	From, To *policy.Zone
	Rules    []*policy.Rule // of each line of the list
	List     List

	tables map[netset.Universe]*judge
}

// Filtered reports whether the firewall is between the two zones.
func Filtered(from, to *policy.Zone) bool {
	switch {
	case from == nil && to == nil:
		return false
	case from == nil || to == nil:
		return true
	}
	return from.Interface != to.Interface
}

// AllTraffic lists it for every pair of zones that the firewall is between, in
// the site's order, the firewall itself last.
func AllTraffic(site *policy.Site, now time.Time) []*Traffic {
	zones := append(append([]*policy.Zone{}, site.Zones...), nil)
	var out []*Traffic
	for _, from := range zones {
		for _, to := range zones {
			if Filtered(from, to) {
				out = append(out, newTraffic(site, from, to, now))
			}
		}
	}
	return out
}

func newTraffic(site *policy.Site, from, to *policy.Zone, now time.Time) *Traffic {
	p := &Traffic{From: from, To: to}
	if to == nil {
		p.add(site, site.ManagementRule())
	}
	for _, r := range site.Rules {
		if r.Active(now) && endIn(r.From, from) && endIn(r.To, to) {
			p.add(site, r)
		}
	}
	return p
}

func endIn(ends []policy.Endpoint, z *policy.Zone) bool {
	for _, e := range ends {
		if e.Zone == z {
			return true
		}
	}
	return false
}

// add appends a rule, if it matches anything in the pair.
func (p *Traffic) add(site *policy.Site, r *policy.Rule) {
	line := Line{Result: dropped, Free: unknown(r.When.Source) || unknown(r.When.Destination)}
	switch r.Action {
	case policy.Allow:
		line.Result = allowed
	case policy.Reject:
		line.Result = rejected
	}
	src := narrowed(addresses(site, r.From, p.From), r.When.Source)
	dst := narrowed(addresses(site, r.To, p.To), r.When.Destination)
	for _, is4 := range []bool{true, false} {
		from, to := ranges(src, is4), ranges(dst, is4)
		if len(from) == 0 || len(to) == 0 {
			continue
		}
		ends := netset.Product{}.With(netset.Src, from...).With(netset.Dst, to...)
		for _, s := range r.Services {
			for _, m := range s.Matches {
				line.Parts = append(line.Parts, parts(m, is4, ends)...)
			}
		}
	}
	if len(line.Parts) > 0 {
		p.Rules, p.List.Lines = append(p.Rules, r), append(p.List.Lines, line)
	}
}

func unknown(l *policy.Blocklist) bool { return l != nil && l.Addrs == nil }

// addresses is what the ends of a rule are in one zone.
func addresses(site *policy.Site, ends []policy.Endpoint, z *policy.Zone) *netipx.IPSet {
	whole := site.Itself()
	if z != nil {
		whole = site.Set(z)
	}
	var b netipx.IPSetBuilder
	for _, e := range ends {
		switch {
		case e.Zone != z:
		case e.Addrs == nil:
			return whole
		default:
			b.AddSet(e.Addrs)
		}
	}
	b.Intersect(whole)
	set, err := b.IPSet()
	if err != nil {
		return &netipx.IPSet{} // the model holds no invalid address
	}
	return set
}

// narrowed is the part of a set that a list names; all of it where there is no
// list or its contents are unknown.
func narrowed(set *netipx.IPSet, l *policy.Blocklist) *netipx.IPSet {
	if l == nil || unknown(l) {
		return set
	}
	var b netipx.IPSetBuilder
	b.AddSet(set)
	b.Intersect(l.Addrs)
	out, err := b.IPSet()
	if err != nil {
		return &netipx.IPSet{} // the model holds no invalid address
	}
	return out
}

func ranges(set *netipx.IPSet, is4 bool) []netset.Range {
	var out []netset.Range
	for _, r := range set.Ranges() {
		if r.From().Is4() == is4 {
			out = append(out, netset.Range{Lo: netset.Address(r.From()), Hi: netset.Address(r.To())})
		}
	}
	return out
}

// parts writes what a match of a service holds, in the universes of one family,
// as new connections.
func parts(m policy.Match, is4 bool, ends netset.Product) []Part {
	if m.Any {
		var out []Part
		for _, u := range netset.Universes() {
			switch {
			case u.Is4 != is4:
			case u.Class == netset.ICMP:
				out = append(out, Part{u, ends.With(netset.Dport, requests(is4, 0, 1<<16-1)...)})
			default:
				out = append(out, Part{u, ends})
			}
		}
		return out
	}
	u := netset.ClassOf(is4, m.Proto)
	p := ends
	if u.Has(netset.Proto) {
		p = p.With(netset.Proto, netset.One(netset.Num(m.Proto)))
	}
	switch {
	case policy.IsICMP(m.Proto) && u.Class != netset.ICMP:
		return nil // ICMP of the other family
	case policy.IsICMP(m.Proto):
		first, last := 0, 1<<16-1
		if m.ICMPType != nil {
			first, last = int(*m.ICMPType)<<8, int(*m.ICMPType)<<8|255
		}
		if m.ICMPCode != nil {
			first |= int(*m.ICMPCode)
			last = first
		}
		p = p.With(netset.Dport, requests(is4, first, last)...)
	case policy.HasPorts(m.Proto):
		p = withPorts(withPorts(p, netset.Dport, m.Ports), netset.Sport, m.FromPort)
	}
	return []Part{{u, p}}
}

// requests are the types of ICMP that begin a connection, within bounds: all
// others are errors or answers, which no rule decides about.
func requests(is4 bool, first, last int) []netset.Range {
	var out []netset.Range
	for t := range 256 {
		q := policy.Packet{Proto: policy.ICMP, ICMPType: uint8(t)}
		if !is4 {
			q.Proto = policy.ICMPv6
		}
		if lo, hi := max(t<<8, first), min(t<<8|255, last); lo <= hi && q.BeginsConnection() {
			out = append(out, netset.Range{Lo: netset.Num(lo), Hi: netset.Num(hi)})
		}
	}
	return out
}

func withPorts(p netset.Product, f netset.Field, r policy.PortRange) netset.Product {
	if r.IsAny() {
		return p
	}
	return p.With(f, netset.Range{Lo: netset.Num(r.First), Hi: netset.Num(r.Last)})
}

// Packet turns a point of a universe into a packet that begins a connection, as
// explain and the lab read it.
func (p *Traffic) Packet(u netset.Universe, x netset.Point) policy.Packet {
	q := policy.Packet{Src: x[netset.Src].Addr(u.Is4), Dst: x[netset.Dst].Addr(u.Is4)}
	switch {
	case p.From != nil:
		q.In = p.From.Interface.Name
	default:
		q.In = policy.Local
	}
	switch u.Class {
	case netset.TCP:
		q.Proto = policy.TCP
	case netset.ICMP:
		q.Proto = map[bool]uint8{true: policy.ICMP, false: policy.ICMPv6}[u.Is4]
		q.ICMPType, q.ICMPCode = uint8(x[netset.Dport].Int()>>8), uint8(x[netset.Dport].Int())
	default:
		q.Proto = uint8(x[netset.Proto].Int())
	}
	if policy.HasPorts(q.Proto) {
		q.DstPort, q.SrcPort = uint16(x[netset.Dport].Int()), uint16(x[netset.Sport].Int())
	}
	return q
}

// query finds a packet of a set that a rule of the pair decides: the first of
// those wanted, in order. The set is given as parts; none means every packet.
// Rules before it with unknown conditions are taken not to match.
func (p *Traffic) query(set []Part, wanted func(k int) bool) (Example, bool) {
	for _, u := range p.List.universes() {
		within := inUniverse(set, u)
		if set != nil && len(within) == 0 {
			continue
		}
		t := p.table(u, within)
		for k := range p.List.Lines {
			if !wanted(k) {
				continue
			}
			if x, found := t.decidedBy(k, within); found {
				return Example{Packet: p.Packet(u, x), Rule: p.Rules[k]}, true
			}
		}
	}
	return Example{}, false
}

// Example is a packet and the rule that decides about it; nil is the default.
type Example struct {
	Packet policy.Packet
	Rule   *policy.Rule
}

func inUniverse(set []Part, u netset.Universe) []netset.Product {
	var out []netset.Product
	for _, part := range set {
		if part.Universe == u {
			out = append(out, part.Product)
		}
	}
	return out
}

// table is the pair's in one universe; the one without further sets is kept.
func (p *Traffic) table(u netset.Universe, within []netset.Product) *judge {
	if len(within) > 0 {
		return newJudge(&p.List, p.List.table(u, within...))
	}
	if p.tables[u] == nil {
		if p.tables == nil {
			p.tables = map[netset.Universe]*judge{}
		}
		p.tables[u] = newJudge(&p.List, p.List.table(u))
	}
	return p.tables[u]
}

// Match returns the place of the first rule that holds a packet of the pair that
// begins a connection; -1 if none does. Rules with unknown conditions are taken
// not to match.
func (p *Traffic) Match(q policy.Packet) int {
	u, x := universe(q)
	for k, line := range p.List.Lines {
		if !line.Free && line.holds(u, x) {
			return k
		}
	}
	return -1
}

func (l Line) holds(u netset.Universe, x netset.Point) bool {
	for _, part := range l.Parts {
		if part.Universe == u && part.Product.Contains(x) {
			return true
		}
	}
	return false
}

// universe finds a packet's universe and its point there.
func universe(q policy.Packet) (netset.Universe, netset.Point) {
	u := netset.ClassOf(q.Src.Is4(), q.Proto)
	var x netset.Point
	x[netset.Src], x[netset.Dst] = netset.Address(q.Src), netset.Address(q.Dst)
	if u.Has(netset.Proto) {
		x[netset.Proto] = netset.Num(q.Proto)
	}
	switch {
	case u.Class == netset.ICMP:
		x[netset.Dport] = netset.Num(int(q.ICMPType)<<8 | int(q.ICMPCode))
	case policy.HasPorts(q.Proto):
		x[netset.Dport], x[netset.Sport] = netset.Num(q.DstPort), netset.Num(q.SrcPort)
	}
	return u, x
}
