package compile

import (
	"slices"

	"glacis/internal/nft"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// line is the match of one nft rule: part of a site rule inside one pair of
// zones.
type line struct {
	family *family // nil: both
	tcp    bool    // only TCP, so that it can be refused with a reset
	stmts  []nft.Stmt
}

func (l line) in(f family) bool { return l.family == nil || l.family.digit == f.digit }

// with returns the match followed by more statements.
func (l line) with(more ...nft.Stmt) []nft.Stmt { return append(slices.Clip(l.stmts), more...) }

func (l line) reject() nft.Stmt {
	if l.tcp {
		return nft.RejectWith{TCPReset: true}
	}
	return nft.RejectWith{ICMPX: "admin-prohibited"}
}

// lines writes the match of a rule for one pair of zones: for each family that
// both ends have, each kind of service. A rule that matches nothing in the pair
// has no lines.
func (b *builder) lines(r *policy.Rule, from, to *policy.Zone) []line {
	var out []line
	anyFamily := b.anyAddress(r, from, to)
	for _, f := range families {
		ends, ok := b.ends(f, r, from, to)
		if !ok {
			continue
		}
		for _, s := range services(r, f) {
			l := line{family: &f, tcp: s.tcp}
			l.stmts = append(slices.Clip(ends), s.stmts...)
			if anyFamily && s.anyFamily {
				if f.digit == "6" {
					continue // the first family's line holds for both
				}
				l.family = nil
			}
			out = append(out, l)
		}
	}
	return out
}

// anyAddress reports whether neither end of the rule narrows the pair, and both
// zones have both families: then one line serves for IPv4 and IPv6.
func (b *builder) anyAddress(r *policy.Rule, from, to *policy.Zone) bool {
	if r.When.Source != nil || r.When.Destination != nil {
		return false
	}
	for _, f := range families {
		ends, ok := b.ends(f, r, from, to)
		if !ok || len(ends) > 0 {
			return false
		}
	}
	return true
}

// ends matches the addresses of one family at both ends; false if there are none.
func (b *builder) ends(f family, r *policy.Rule, from, to *policy.Zone) ([]nft.Stmt, bool) {
	var stmts []nft.Stmt
	for _, end := range []struct {
		field nft.Field
		ends  []policy.Endpoint
		zone  *policy.Zone
		list  *policy.Blocklist
	}{{f.saddr, r.From, from, r.When.Source}, {f.daddr, r.To, to, r.When.Destination}} {
		ranges, whole := b.endRanges(f, end.ends, end.zone)
		if !whole && len(ranges) == 0 {
			return nil, false
		}
		if !whole {
			stmts = append(stmts, addrs(end.field, ranges))
		}
		if end.list != nil {
			stmts = append(stmts, inSet(end.field, b.blocklistSet(f, end.list)))
		}
	}
	return stmts, true
}

// endRanges returns the addresses of one end in one zone; whole if they are all
// of it, so that the pair's chain has already matched them.
func (b *builder) endRanges(f family, ends []policy.Endpoint, z *policy.Zone) (ranges []netipx.IPRange, whole bool) {
	var set netipx.IPSetBuilder
	for _, e := range ends {
		switch {
		case e.Zone != z:
		case e.Addrs == nil:
			return nil, z == nil || len(f.ranges(b.site.Set(z))) > 0
		default:
			set.AddSet(e.Addrs)
		}
	}
	s, err := set.IPSet()
	if err != nil {
		panic(err) // the model holds no invalid address
	}
	return f.ranges(s), false
}

// blocklistSet declares the set of a block list. A list that is empty or not
// readable is an empty set, which matches nothing.
func (b *builder) blocklistSet(f family, l *policy.Blocklist) string {
	s := &nft.Set{Name: "blocklist" + f.digit + "." + l.Name, Comment: l.File, Key: []nft.Type{f.key}, Interval: true}
	if l.Addrs != nil {
		s.Elements = elements(f.ranges(l.Addrs))
	} else if !l.KeepLast {
		b.diags.Errorf(l.Range, "blocklist-unread", "the contents of blocklist %s are unknown", l.Name)
	}
	return b.set(s)
}

// service is the match of one kind of service.
type service struct {
	stmts     []nft.Stmt
	tcp       bool
	anyFamily bool // the same statements serve for both families
}

// services groups a rule's services into as few matches as are exact: all TCP
// ports together, all UDP ports together, and so on.
func services(r *policy.Rule, f family) []service {
	var out []service
	ports := map[uint8][]nft.Element{}
	var withPorts, plain []uint8
	var icmpTypes []nft.Element
	for _, m := range matches(r) {
		switch {
		case m.Any && r.Action == policy.Reject:
			return []service{
				{stmts: []nft.Stmt{is(nft.L4Proto, policy.TCP)}, tcp: true, anyFamily: true},
				{anyFamily: true},
			}
		case m.Any:
			return []service{{anyFamily: true}}
		case policy.IsICMP(m.Proto):
			if (m.Proto == policy.ICMP) != (f.digit == "4") {
				continue
			}
			switch {
			case m.ICMPType == nil:
				plain = append(plain, m.Proto)
			case m.ICMPCode == nil:
				icmpTypes = append(icmpTypes, nft.Element{Key: []nft.Value{nft.N(*m.ICMPType)}})
			default:
				out = append(out, service{stmts: []nft.Stmt{is(f.icmpType(), *m.ICMPType), is(f.icmpCode(), *m.ICMPCode)}})
			}
		case policy.HasPorts(m.Proto) && !m.FromPort.IsAny():
			s := service{tcp: m.Proto == policy.TCP, anyFamily: true}
			s.stmts = append(s.stmts, portMatch(portFields[m.Proto].source, m.FromPort))
			if !m.Ports.IsAny() {
				s.stmts = append(s.stmts, portMatch(portFields[m.Proto].destination, m.Ports))
			}
			out = append(out, s)
		case policy.HasPorts(m.Proto) && !m.Ports.IsAny():
			if ports[m.Proto] == nil {
				withPorts = append(withPorts, m.Proto)
			}
			ports[m.Proto] = append(ports[m.Proto], portElement(m.Ports))
		default:
			plain = append(plain, m.Proto)
		}
	}
	for _, proto := range withPorts {
		if slices.Contains(plain, proto) {
			continue // every port of it anyway
		}
		out = append(out, service{stmts: []nft.Stmt{nft.Match{Key: []nft.Field{portFields[proto].destination}, Values: disjoint(ports[proto])}}, tcp: proto == policy.TCP, anyFamily: true})
	}
	if len(icmpTypes) > 0 {
		out = append(out, service{stmts: []nft.Stmt{nft.Match{Key: []nft.Field{f.icmpType()}, Values: disjoint(icmpTypes)}}})
	}
	for _, proto := range unique(plain) {
		if policy.IsICMP(proto) { // its number exists in both families, its types in one
			every := nft.Element{Key: []nft.Value{nft.Num{Lo: 0, Hi: 255}}}
			out = append(out, service{stmts: []nft.Stmt{nft.Match{Key: []nft.Field{f.icmpType()}, Values: []nft.Element{every}}}})
			continue
		}
		out = append(out, service{stmts: []nft.Stmt{is(nft.L4Proto, proto)}, tcp: proto == policy.TCP, anyFamily: true})
	}
	return out
}

func matches(r *policy.Rule) []policy.Match {
	var out []policy.Match
	for _, s := range r.Services {
		out = append(out, s.Matches...)
	}
	return out
}

// portFields are the ports of the protocols that have them; reading one implies
// the protocol.
var portFields = map[uint8]struct{ source, destination nft.Field }{
	policy.TCP:     {nft.TCPSport, nft.TCPDport},
	policy.UDP:     {nft.UDPSport, nft.UDPDport},
	policy.SCTP:    {nft.SCTPSport, nft.SCTPDport},
	policy.DCCP:    {nft.DCCPSport, nft.DCCPDport},
	policy.UDPLite: {nft.UDPLiteSport, nft.UDPLiteDport},
}

func portMatch(f nft.Field, r policy.PortRange) nft.Stmt {
	return nft.Match{Key: []nft.Field{f}, Values: []nft.Element{portElement(r)}}
}

func portElement(r policy.PortRange) nft.Element {
	return nft.Element{Key: []nft.Value{nft.Num{Lo: uint64(r.First), Hi: uint64(r.Last)}}}
}

// disjoint sorts and merges number ranges: nft refuses a set whose elements
// overlap.
func disjoint(in []nft.Element) []nft.Element {
	slices.SortFunc(in, func(a, b nft.Element) int { return int(num(a).Lo) - int(num(b).Lo) })
	var out []nft.Element
	for _, e := range in {
		n := num(e)
		if k := len(out) - 1; k >= 0 && n.Lo <= num(out[k]).Hi+1 {
			last := num(out[k])
			out[k].Key = []nft.Value{nft.Num{Lo: last.Lo, Hi: max(last.Hi, n.Hi)}}
			continue
		}
		out = append(out, e)
	}
	return out
}

func num(e nft.Element) nft.Num { return e.Key[0].(nft.Num) }

func unique(in []uint8) []uint8 {
	slices.Sort(in)
	return slices.Compact(in)
}

func (f family) icmpType() nft.Field {
	if f.digit == "4" {
		return nft.ICMPTypeF
	}
	return nft.ICMPv6TypeF
}

func (f family) icmpCode() nft.Field {
	if f.digit == "4" {
		return nft.ICMPCodeF
	}
	return nft.ICMPv6CodeF
}
