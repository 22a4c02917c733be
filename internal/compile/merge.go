package compile

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"glacis/internal/nft"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// A run of plain allow rules becomes one lookup: a map from source,
// destination, protocol and port to the rule's counter, followed by accept.
// Short runs stay as rules, which people read more easily.
const (
	minRun          = 4  // rules
	maxRuleElements = 64 // elements a rule may add to a map, a family
)

// mergedRun writes the longest run at the head of rules that can be one lookup,
// and returns its length; 0 if none can. The run ends before a rule that
// overlaps one already in it, because the first match has to count the packet:
// order is preserved exactly or the rewrite is not done.
func (b *builder) mergedRun(c *nft.Chain, rules []*policy.Rule, from, to *policy.Zone) int {
	lookups := map[string]*mapBuilder{"4": {}, "6": {}}
	n := 0
run:
	for _, r := range rules {
		boxes := map[string][]box{}
		for _, f := range families {
			list, ok := b.boxes(f, r, from, to)
			if !ok || lookups[f.digit].overlaps(list) {
				break run
			}
			boxes[f.digit] = list
		}
		for _, f := range families {
			lookups[f.digit].add(boxes[f.digit], RuleCounter(r.Name))
		}
		n++
	}
	if n < b.run {
		return 0
	}
	for _, r := range rules[:n] {
		b.ruleCounter(r)
	}
	for _, f := range families {
		m := lookups[f.digit]
		if len(m.all) == 0 {
			continue
		}
		b.lookup(c, f, m, fmt.Sprintf("allow%s.%s.%s", f.digit, policy.ZoneName(from), policy.ZoneName(to)), fmt.Sprintf("%d rules from %s", n, rules[0].Name))
	}
	return n
}

// lookup writes the maps and the rules that ask them. A source or destination that
// all elements share is matched once, before. Of the two the one with more
// distinct values comes first in the key: the kernel's interval lookup
// (nft_set_pipapo) takes time for every element that a field leaves possible,
// while a key without intervals is one hash.
func (b *builder) lookup(c *nft.Chain, f family, m *mapBuilder, name, comment string) {
	ends := []end{
		{f.daddr, distinct(m.all, func(x box) netipx.IPRange { return x.dst }), func(x box) netipx.IPRange { return x.dst }},
		{f.saddr, distinct(m.all, func(x box) netipx.IPRange { return x.src }), func(x box) netipx.IPRange { return x.src }},
	}
	if ends[1].distinct > ends[0].distinct {
		ends[0], ends[1] = ends[1], ends[0]
	}
	var before []nft.Stmt
	if shared := ends[1]; shared.distinct == 1 {
		ends = ends[:1]
		if r := shared.of(m.all[0]); r != f.whole() {
			before = append(before, addrs(shared.field, []netipx.IPRange{r}))
		}
	}
	for _, p := range m.parts(ends) {
		s := &nft.Set{Name: fmt.Sprintf("%s.%d", name, len(c.Rules)), Counters: true}
		var key []nft.Field
		for _, e := range ends {
			key, s.Key = append(key, e.field), append(s.Key, f.key)
		}
		key, s.Key = append(key, p.key...), append(s.Key, p.types...)
		for _, k := range p.boxes {
			s.Interval = s.Interval || m.all[k].isInterval(ends)
			s.Elements = append(s.Elements, nft.Element{Key: p.values(m.all[k], ends), Counter: m.counters[k]})
		}
		add(c, comment, append(slices.Clone(before), nft.CountMap{Key: key, Set: b.set(s)}, accept())...)
	}
}

// part is what of a run's boxes goes into one map.
type part struct {
	key   []nft.Field // after the ends
	types []nft.Type
	boxes []int // by their place
}

// parts puts all boxes into one map, unless there are intervals among them: then
// each protocol has its own. For a key with intervals nft 1.0 converts the
// protocol to network byte order, one byte, which Linux 6.12 refuses.
func (m *mapBuilder) parts(ends []end) []part {
	whole := part{key: []nft.Field{nft.L4Proto, nft.ThDport}, types: []nft.Type{nft.InetProto, nft.InetService}}
	tcp := part{key: []nft.Field{nft.TCPDport}, types: []nft.Type{nft.InetService}}
	udp := part{key: []nft.Field{nft.UDPDport}, types: []nft.Type{nft.InetService}}
	interval := false
	for k, x := range m.all {
		interval = interval || x.isInterval(ends)
		whole.boxes = append(whole.boxes, k)
		if x.proto == policy.TCP {
			tcp.boxes = append(tcp.boxes, k)
		} else {
			udp.boxes = append(udp.boxes, k)
		}
	}
	if !interval {
		return []part{whole}
	}
	return slices.DeleteFunc([]part{tcp, udp}, func(p part) bool { return len(p.boxes) == 0 })
}

// values is the key of a box.
func (p part) values(x box, ends []end) []nft.Value {
	var out []nft.Value
	for _, e := range ends {
		out = append(out, value(e.of(x)))
	}
	if p.key[0] == nft.L4Proto {
		out = append(out, nft.N(x.proto))
	}
	return append(out, nft.Num{Lo: uint64(x.ports.First), Hi: uint64(x.ports.Last)})
}

// end is the source or destination of a map's boxes.
type end struct {
	field    nft.Field
	distinct int
	of       func(box) netipx.IPRange
}

func distinct(boxes []box, of func(box) netipx.IPRange) int {
	seen := map[netipx.IPRange]bool{}
	for _, x := range boxes {
		seen[of(x)] = true
	}
	return len(seen)
}

// box is one element of a merged map.
type box struct {
	src, dst netipx.IPRange
	proto    uint8
	ports    policy.PortRange
}

// isInterval reports whether a box is more than one key.
func (x box) isInterval(ends []end) bool {
	return x.ports.First != x.ports.Last || slices.ContainsFunc(ends, func(e end) bool { r := e.of(x); return r.From() != r.To() })
}

func (x box) overlaps(y box) bool {
	return x.proto == y.proto && x.ports.First <= y.ports.Last && y.ports.First <= x.ports.Last &&
		x.src.Overlaps(y.src) && x.dst.Overlaps(y.dst)
}

// boxes writes a rule as disjoint elements of a map; false if it is not plain
// enough or has too many.
func (b *builder) boxes(f family, r *policy.Rule, from, to *policy.Zone) ([]box, bool) {
	if r.Action != policy.Allow || r.Limit != nil || r.Log || r.When != (policy.When{}) {
		return nil, false
	}
	ports := map[uint8][]nft.Element{}
	for _, m := range matches(r) {
		if m.Proto != policy.TCP && m.Proto != policy.UDP || !m.FromPort.IsAny() {
			return nil, false
		}
		p := m.Ports
		if p.IsAny() {
			p = policy.PortRange{First: 0, Last: 65535}
		}
		ports[m.Proto] = append(ports[m.Proto], portElement(p))
	}
	src, ok := b.boxRanges(f, r.From, from)
	if !ok {
		return nil, true
	}
	dst, ok := b.boxRanges(f, r.To, to)
	if !ok {
		return nil, true
	}
	var out []box
	for _, proto := range slices.Sorted(maps.Keys(ports)) {
		for _, e := range disjoint(ports[proto]) {
			for _, s := range src {
				for _, d := range dst {
					out = append(out, box{s, d, proto, policy.PortRange{First: uint16(num(e).Lo), Last: uint16(num(e).Hi)}})
				}
			}
			if len(out) > maxRuleElements {
				return nil, false
			}
		}
	}
	return out, true
}

// boxRanges is endRanges with a whole zone written as every address: the pair's
// chain has matched the zone. False if the end has no address of the family.
func (b *builder) boxRanges(f family, ends []policy.Endpoint, z *policy.Zone) ([]netipx.IPRange, bool) {
	ranges, whole := b.endRanges(f, ends, z)
	if whole {
		ranges = []netipx.IPRange{f.whole()}
	}
	return ranges, len(ranges) > 0
}

// mapBuilder collects the elements of one map and knows quickly whether a new
// one would overlap: most destinations are single hosts.
type mapBuilder struct {
	all      []box
	counters []string             // of each box
	byDst    map[netip.Addr][]box // boxes with a single destination
	wide     []box                // the others
}

func (m *mapBuilder) overlaps(list []box) bool {
	for _, x := range list {
		candidates := m.all
		if x.dst.From() == x.dst.To() {
			candidates = m.byDst[x.dst.From()]
			if slices.ContainsFunc(m.wide, x.overlaps) {
				return true
			}
		}
		if slices.ContainsFunc(candidates, x.overlaps) {
			return true
		}
	}
	return false
}

func (m *mapBuilder) add(list []box, counter string) {
	for _, x := range list {
		m.all = append(m.all, x)
		if x.dst.From() == x.dst.To() {
			if m.byDst == nil {
				m.byDst = map[netip.Addr][]box{}
			}
			m.byDst[x.dst.From()] = append(m.byDst[x.dst.From()], x)
		} else {
			m.wide = append(m.wide, x)
		}
		m.counters = append(m.counters, counter)
	}
}
