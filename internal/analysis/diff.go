package analysis

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"glacis/internal/netset"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// Change is a set of packets whose fate differs between two sites, all of one
// pair of zones and one change of verdict.
type Change struct {
	Was, Is  policy.Verdict
	From, To string // zones, as the new site has them; the old one where it has none
	Universe netset.Universe
	Product  netset.Product // the packets: the ranges of each field that is narrowed
	Size     float64        // how many packets
	Example  policy.Packet
	OldRule  *policy.Rule // that decides the example; nil: the default
	NewRule  *policy.Rule
}

// Widened reports whether packets pass that did not.
func (c Change) Widened() bool { return c.Is == policy.Allowed && c.Was != policy.Allowed }

// maxChangeBoxes is how many boxes of changed packets are listed for a pair of
// zones and a protocol class.
const maxChangeBoxes = 200

// Diff lists every packet that begins a connection and whose verdict differs
// between two sites, most packets first. What cannot be listed in full is said
// by complete; none missing means that the sites let the same packets pass.
func Diff(old, is *policy.Site, now time.Time) (changes []Change, complete bool) {
	complete = true
	for _, b := range blocks(old, is, now) {
		for _, u := range netset.Universes() {
			more, all := b.compare(u)
			changes, complete = append(changes, more...), complete && all
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		if a.Widened() != b.Widened() {
			if a.Widened() {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Size, a.Size)
	})
	return changes, complete
}

// block is part of two sites to compare: packets from one set of addresses to
// another, and the lines of either site about them.
type block struct {
	old, is  side
	from, to string
}

// side is a site's view of a block: a list over all its pairs of zones.
type side struct {
	site  *policy.Site
	list  List
	rules []*policy.Rule // of each line; nil for what no rule decides
}

// blocks pairs the zones of two sites. Where both have the same zones with the
// same addresses each pair of zones is a block of its own; else there is only
// one.
func blocks(old, is *policy.Site, now time.Time) []block {
	if !sameZones(old, is) {
		return []block{{old: wholeSide(old, now), is: wholeSide(is, now)}}
	}
	var out []block
	oldPairs := AllTraffic(old, now)
	for k, p := range AllTraffic(is, now) {
		q := oldPairs[k]
		b := block{from: policy.ZoneName(p.From), to: policy.ZoneName(p.To),
			old: side{old, q.List, q.Rules}, is: side{is, p.List, p.Rules}}
		out = append(out, b)
	}
	return out
}

// sameZones reports whether two sites cut the addresses alike, and have the
// firewall between the same zones.
func sameZones(a, b *policy.Site) bool {
	if len(a.Zones) != len(b.Zones) || !a.Own().Equal(b.Own()) {
		return false
	}
	for k, z := range a.Zones {
		w := b.Zones[k]
		if z.Name != w.Name || z.Interface.Name != w.Interface.Name || !a.Set(z).Equal(b.Set(w)) {
			return false
		}
	}
	return true
}

// unfiltered is the result of packets that never pass the firewall: they arrive.
const unfiltered = allowed

// wholeSide is all pairs of a site in one list. They hold different packets, so
// their order does not matter.
func wholeSide(site *policy.Site, now time.Time) side {
	s := side{site: site}
	for _, p := range AllTraffic(site, now) {
		s.list.Lines = append(s.list.Lines, p.List.Lines...)
		s.rules = append(s.rules, p.Rules...)
	}
	for _, from := range site.Zones {
		for _, to := range site.Zones {
			if !Filtered(from, to) {
				s.list.Lines = append(s.list.Lines, Line{Result: unfiltered, Parts: between(site.Set(from), site.Set(to))})
				s.rules = append(s.rules, nil)
			}
		}
	}
	return s
}

func between(src, dst *netipx.IPSet) []Part {
	return flowParts(&policy.Guarantee{}, src, dst)
}

// compare finds the changed packets of a block in one universe. Where lines match
// on what is not known, such as a list that could not be read, packets count as
// changed if they fare otherwise with those lines matching, or with none of them.
func (b block) compare(u netset.Universe) ([]Change, bool) {
	var products []netset.Product
	closures := []bool{false}
	for _, s := range []side{b.old, b.is} {
		for _, line := range s.list.Lines {
			products = append(products, productsIn(line, u)...)
			if line.Free {
				closures = []bool{false, true}
			}
		}
	}
	if len(products) == 0 {
		return nil, true
	}
	d := netset.NewDiagrams(netset.NewSpace(u, products...), 0)
	var out []Change
	complete := true
	for _, free := range closures {
		more, all := b.compareIf(d, free)
		complete = complete && all
		for _, c := range more {
			if !slices.ContainsFunc(out, c.same) {
				out = append(out, c)
			}
		}
	}
	return out, complete
}

// same reports whether two changes say the same of the same packets.
func (c Change) same(o Change) bool {
	return c.Was == o.Was && c.Is == o.Is && reflect.DeepEqual(c.Product, o.Product)
}

// compareIf compares with all unknown conditions holding, or none.
func (b block) compareIf(d *netset.Diagrams, free bool) ([]Change, bool) {
	was, is := b.old.decide(d, free), b.is.decide(d, free)
	if was == is {
		return nil, true
	}
	// The two results as one number.
	both := d.Combine(was, is, func(x, y int32) int32 {
		if x == y {
			return -1
		}
		return x*3 + y
	})
	var out []Change
	complete := true
	for x := range int32(3) {
		for y := range int32(3) {
			boxes, all := d.Boxes(both, maxChangeBoxes, func(v int32) bool { return x != y && v == x*3+y })
			complete = complete && all
			for _, box := range boxes {
				out = append(out, b.change(d.Space, box, verdicts[x], verdicts[y], free))
			}
		}
	}
	return out, complete
}

var verdicts = map[int32]policy.Verdict{allowed: policy.Allowed, dropped: policy.Dropped, rejected: policy.Rejected}

func productsIn(l Line, u netset.Universe) []netset.Product {
	var out []netset.Product
	for _, p := range l.Parts {
		if p.Universe == u {
			out = append(out, p.Product)
		}
	}
	return out
}

// decide is the function from packets to results; lines that may or may not match
// do if free is set.
func (s side) decide(d *netset.Diagrams, free bool) netset.Node {
	var rules []netset.Rule
	for _, line := range s.list.Lines {
		if line.Free && !free {
			continue
		}
		for _, p := range productsIn(line, d.Universe) {
			rules = append(rules, netset.Rule{Box: d.Box(p), Result: line.Result})
		}
	}
	return d.FirstMatch(rules, dropped)
}

// change describes one box of changed packets.
func (b block) change(s *netset.Space, box netset.Box, was, is policy.Verdict, free bool) Change {
	c := Change{Was: was, Is: is, From: b.from, To: b.to, Universe: s.Universe, Size: s.Size(box, netset.Src, netset.Dst, netset.Proto, netset.Dport, netset.Sport), Product: s.Product(box)}
	x := s.First(box)
	c.Example = b.is.packet(s.Universe, x)
	c.OldRule, c.NewRule = b.old.rule(s.Universe, x, free), b.is.rule(s.Universe, x, free)
	if c.From == "" {
		c.From, c.To = b.zone(c.Example.Src), b.zone(c.Example.Dst)
	}
	return c
}

// packet is a point as explain reads it: it enters where its source lives.
func (s side) packet(u netset.Universe, x netset.Point) policy.Packet {
	q := (&Traffic{}).Packet(u, x)
	q.In = ""
	return q
}

// rule is the one that decides a packet; nil for the default.
func (s side) rule(u netset.Universe, x netset.Point, free bool) *policy.Rule {
	for k, line := range s.list.Lines {
		if (free || !line.Free) && line.holds(u, x) {
			return s.rules[k]
		}
	}
	return nil
}

// zone names the zone of an address in the new site, or in the old one.
func (b block) zone(a netip.Addr) string {
	for _, s := range []*policy.Site{b.is.site, b.old.site} {
		if s.Own().Contains(a) {
			return policy.ZoneName(nil)
		}
		if z := s.ZoneOf(a); z != nil {
			return z.Name
		}
	}
	return ""
}
