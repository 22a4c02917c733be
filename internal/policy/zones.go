package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// LinkName is the kernel's name for a device with a VLAN tag; 0 is untagged.
func LinkName(device string, vlan int) string {
	if vlan == 0 {
		return device
	}
	return fmt.Sprintf("%s.%d", device, vlan)
}

// space says which address belongs to whom. Every address has at most one
// owner: the firewall itself, a zone, or an interface's own subnet outside any
// zone (transit: next-hop routers live there).
type space struct {
	own     *netipx.IPSet // the firewall's own addresses, on any node
	itself  *netipx.IPSet // those by which the firewall itself is reached
	special *netipx.IPSet // broadcast and subnet-router anycast addresses of the firewall's subnets
	zones   map[*Zone]*netipx.IPSet
	transit map[*Interface]*netipx.IPSet
	ranges  []ownedRange // all zones' ranges, sorted, for ZoneOf
}

type ownedRange struct {
	netipx.IPRange
	zone *Zone
}

// Resolve works out who owns which address: the longest network that holds an
// address decides, so that a zone may lie inside another's range; the
// firewall's own addresses and subnet broadcasts belong to no zone; the zone
// with role internet is the rest less its bogons. It must be called again
// after zones, interfaces, nodes or NAT addresses change.
func (s *Site) Resolve() {
	sp := &space{
		own:     s.ownAddresses(),
		itself:  s.itsAddresses(),
		special: s.specialAddresses(),
		zones:   map[*Zone]*netipx.IPSet{},
		transit: map[*Interface]*netipx.IPSet{},
	}
	s.space = sp
	taken := union(sp.own, sp.special)

	var inside netipx.IPSetBuilder // every address of a zone that is not the Internet
	for z, b := range s.longestPrefixOwners() {
		b.RemoveSet(taken)
		set := mustSet(b)
		sp.zones[z] = set
		inside.AddSet(set)
	}
	for _, i := range s.Firewall.Interfaces {
		if slices.ContainsFunc(i.Zones, func(z *Zone) bool { return z.Role == Internet }) {
			continue // its subnet belongs to the Internet, below
		}
		b := subnets(i)
		b.RemoveSet(mustSet(&inside))
		b.RemoveSet(taken)
		sp.transit[i] = mustSet(b)
	}
	if z := s.InternetZone(); z != nil {
		set := s.internetSet(z, mustSet(&inside), taken)
		sp.zones[z] = set
		if z.Interface != nil { // bogons of its own subnet: a private uplink
			b := subnets(z.Interface)
			b.RemoveSet(set)
			b.RemoveSet(mustSet(&inside))
			b.RemoveSet(taken)
			sp.transit[z.Interface] = mustSet(b)
		}
	}
	for _, z := range s.Zones {
		for _, r := range s.Set(z).Ranges() {
			sp.ranges = append(sp.ranges, ownedRange{r, z})
		}
	}
	slices.SortFunc(sp.ranges, func(a, b ownedRange) int { return a.From().Compare(b.From()) })
}

// internetSet is every address but bogons, other zones, transit subnets and the
// firewall's own. The zone's own subnet is part of it unless it is a bogon.
func (s *Site) internetSet(z *Zone, inside, taken *netipx.IPSet) *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddPrefix(netip.MustParsePrefix("0.0.0.0/0"))
	b.AddPrefix(netip.MustParsePrefix("::/0"))
	bogons := z.Bogons
	if bogons == nil {
		bogons = DefaultBogons()
	}
	b.RemoveSet(bogons)
	b.RemoveSet(inside)
	for _, t := range s.space.transit {
		b.RemoveSet(t)
	}
	b.RemoveSet(taken)
	return mustSet(&b)
}

// longestPrefixOwners gives each zone the addresses for which one of its
// networks is the longest that holds them.
func (s *Site) longestPrefixOwners() map[*Zone]*netipx.IPSetBuilder {
	type network struct {
		prefix netip.Prefix
		zone   *Zone
	}
	var all []network
	owners := map[*Zone]*netipx.IPSetBuilder{}
	for _, z := range s.Zones {
		if z.Role == Internet {
			continue
		}
		owners[z] = &netipx.IPSetBuilder{}
		for _, p := range z.Networks {
			all = append(all, network{p.Masked(), z})
		}
	}
	slices.SortStableFunc(all, func(a, b network) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	// In this order a network follows the networks that hold it, so an open
	// stack of enclosing networks is all that is needed: a network belongs to
	// its zone, less the networks directly inside it.
	type open struct {
		network
		next netip.Addr // first address not yet given away
		full bool       // nothing is left
	}
	var stack []open
	give := func(o *open, to netip.Addr) { // o.next up to and including to
		if !o.full && o.next.Compare(to) <= 0 {
			owners[o.zone].AddRange(netipx.IPRangeFrom(o.next, to))
		}
	}
	closeTop := func() {
		top := &stack[len(stack)-1]
		last := netipx.PrefixLastIP(top.prefix)
		give(top, last)
		stack = stack[:len(stack)-1]
		if len(stack) > 0 {
			parent := &stack[len(stack)-1]
			parent.next = last.Next()
			parent.full = last == netipx.PrefixLastIP(parent.prefix)
		}
	}
	for _, n := range all {
		for len(stack) > 0 && !stack[len(stack)-1].prefix.Contains(n.prefix.Addr()) {
			closeTop()
		}
		if len(stack) > 0 {
			if before := n.prefix.Addr().Prev(); before.IsValid() {
				give(&stack[len(stack)-1], before)
			}
		}
		stack = append(stack, open{network: n, next: n.prefix.Addr()})
	}
	for len(stack) > 0 {
		closeTop()
	}
	return owners
}

// itsAddresses are those of the interfaces and nodes.
func (s *Site) itsAddresses() *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, i := range s.Firewall.Interfaces {
		for _, p := range i.Addresses {
			b.Add(p.Addr())
		}
	}
	for _, n := range s.Firewall.Nodes {
		if n.Management.IsValid() {
			b.Add(n.Management)
		}
	}
	return mustSet(&b)
}

// ownAddresses are its addresses, those of the failover link and of NAT.
func (s *Site) ownAddresses() *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddSet(s.itsAddresses())
	if f := s.Firewall.Failover; f != nil {
		for _, p := range f.Addresses {
			b.Add(p.Addr())
		}
	}
	for _, n := range s.NAT {
		for _, a := range slices.Concat(n.As, n.At) {
			b.Add(a)
		}
	}
	return mustSet(&b)
}

// specialAddresses are those the kernel takes for itself on every subnet: the
// IPv4 broadcast address (RFC 919; none on /31 and /32) and the IPv6
// subnet-router anycast address of a forwarding node (RFC 4291, 2.6.1; none on
// /127 and /128).
func (s *Site) specialAddresses() *netipx.IPSet {
	var b netipx.IPSetBuilder
	add := func(p netip.Prefix) {
		switch m := p.Masked(); {
		case m.Addr().Is4() && m.Bits() <= 30:
			b.Add(netipx.PrefixLastIP(m))
		case m.Addr().Is6() && m.Bits() <= 126:
			b.Add(m.Addr())
		}
	}
	for _, i := range s.Firewall.Interfaces {
		for _, p := range i.Addresses {
			add(p)
		}
	}
	if f := s.Firewall.Failover; f != nil {
		for _, p := range f.Addresses {
			add(p)
		}
	}
	return mustSet(&b)
}

// Set returns the exact addresses of the zone. It needs Resolve.
func (s *Site) Set(z *Zone) *netipx.IPSet {
	if set := s.space.zones[z]; set != nil {
		return set
	}
	return &netipx.IPSet{}
}

// Own returns the firewall's own addresses on all nodes, NAT addresses included.
func (s *Site) Own() *netipx.IPSet { return s.space.own }

// Itself returns the addresses that "firewall" stands for in rules: those of its
// interfaces and nodes. A translated address stands for another host, and the
// failover link is the nodes' own affair.
func (s *Site) Itself() *netipx.IPSet { return s.space.itself }

// IsSpecial reports whether a is a broadcast or anycast address of one of the
// firewall's subnets.
func (s *Site) IsSpecial(a netip.Addr) bool { return s.space.special.Contains(a) }

// Transit returns the addresses on the interface's subnets that belong to no
// zone, such as next-hop routers. They may send ICMP errors, nothing else.
func (s *Site) Transit(i *Interface) *netipx.IPSet {
	if set := s.space.transit[i]; set != nil {
		return set
	}
	return &netipx.IPSet{}
}

// ZoneOf returns the zone that an address belongs to, or nil: the firewall's
// own addresses, transit, bogons and unowned addresses are in no zone.
func (s *Site) ZoneOf(a netip.Addr) *Zone {
	a = a.Unmap().WithZone("")
	i, found := slices.BinarySearchFunc(s.space.ranges, a, func(r ownedRange, a netip.Addr) int { return r.From().Compare(a) })
	if !found {
		i--
	}
	if i >= 0 && s.space.ranges[i].Contains(a) {
		return s.space.ranges[i].zone
	}
	return nil
}

// InterfaceOf returns the interface behind which an address lives, as a member
// of a zone or of transit, or nil.
func (s *Site) InterfaceOf(a netip.Addr) *Interface {
	if z := s.ZoneOf(a); z != nil {
		return z.Interface
	}
	for i, set := range s.space.transit {
		if set.Contains(a) {
			return i
		}
	}
	return nil
}

// ZonePart is the part of an address set that lies in one zone.
type ZonePart struct {
	Zone  *Zone
	Addrs *netipx.IPSet
	Whole bool // Addrs is all of the zone
}

// Split cuts a set of addresses into the parts in each zone, in the order of
// the zones, and the rest that is in no zone.
func (s *Site) Split(set *netipx.IPSet) (parts []ZonePart, rest *netipx.IPSet) {
	var left netipx.IPSetBuilder
	left.AddSet(set)
	for _, z := range s.Zones {
		var b netipx.IPSetBuilder
		b.AddSet(set)
		b.Intersect(s.Set(z))
		part := mustSet(&b)
		if len(part.Ranges()) == 0 {
			continue
		}
		parts = append(parts, ZonePart{z, part, part.Equal(s.Set(z))})
		left.RemoveSet(part)
	}
	return parts, mustSet(&left)
}

func subnets(i *Interface) *netipx.IPSetBuilder {
	b := &netipx.IPSetBuilder{}
	for _, p := range i.Addresses {
		b.AddPrefix(p.Masked())
	}
	return b
}

func union(sets ...*netipx.IPSet) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, s := range sets {
		b.AddSet(s)
	}
	return mustSet(&b)
}

// mustSet finishes a builder. Its only error is an invalid address or prefix
// put in, which the model never holds.
func mustSet(b *netipx.IPSetBuilder) *netipx.IPSet {
	set, err := b.IPSet()
	if err != nil {
		panic(fmt.Sprintf("policy: invalid address in the model: %v", err))
	}
	return set
}
