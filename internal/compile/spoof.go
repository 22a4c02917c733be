package compile

import (
	"glacis/internal/nft"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// ICMP types accepted as errors about a connection (RFC 792, RFC 4443).
var (
	icmpErrors   = []uint8{3, 11, 12}
	icmpv6Errors = []uint8{1, 2, 3, 4}
)

const (
	neighbourSolicit = 135 // RFC 4861
	neighbourAdvert  = 136
)

// antiSpoofing drops, before connection tracking, every packet whose source
// does not live behind the interface it comes in by. Later chains rely on it:
// on an interface with one zone a new packet's source is in that zone.
func (b *builder) antiSpoofing() {
	c := b.base("prerouting", "filter", "prerouting", nft.PriorityRaw, "drop")
	vmap := nft.VMap{Key: []nft.Field{nft.IIFName}, Elements: []nft.Element{
		{Key: []nft.Value{nft.Str("lo")}, Verdict: &nft.Verdict{Kind: nft.Accept}},
	}}
	for _, i := range b.site.Firewall.Interfaces {
		vmap.Elements = append(vmap.Elements, nft.Element{Key: []nft.Value{nft.Str(i.Link())}, Verdict: to("spoof." + i.Name)})
	}
	if f := b.site.Firewall.Failover; f != nil {
		vmap.Elements = append(vmap.Elements, nft.Element{Key: []nft.Value{nft.Str(f.Link())}, Verdict: to("spoof." + failoverChain)})
	}
	add(c, "", vmap)
	b.dropTail(c, "(unknown interface)", "drop.unknown-interface")
	for _, i := range b.site.Firewall.Interfaces {
		b.spoofChain(i)
	}
	b.failoverSpoofing()
}

func (b *builder) spoofChain(i *policy.Interface) {
	c := b.chain("spoof." + i.Name)
	for _, f := range families {
		if name, ok := b.behind(f, i); ok {
			add(c, "", inSet(f.saddr, name), accept())
		}
	}
	b.neighbourDiscovery(c)
	if i.DHCP {
		zero := addrs(nft.IPSaddr, []netipx.IPRange{single("0.0.0.0")})
		add(c, "DHCP requests", zero, addrs(nft.IPDaddr, []netipx.IPRange{single("255.255.255.255")}),
			is(nft.UDPSport, 68), is(nft.UDPDport, 67), accept())
	}
	for _, f := range families {
		if r := f.ranges(b.site.Transit(i)); len(r) > 0 {
			add(c, "routers may send ICMP errors", addrs(f.saddr, r), f.icmpErrors(), accept())
		}
	}
	b.dropTail(c, i.Name+" (spoofed)", "spoofed."+i.Name)
}

func (f family) icmpErrors() nft.Stmt {
	if f.digit == "4" {
		return is(nft.ICMPTypeF, icmpErrors...)
	}
	return is(nft.ICMPv6TypeF, icmpv6Errors...)
}

func (b *builder) neighbourDiscovery(c *nft.Chain) {
	add(c, "neighbour discovery", is(nft.ICMPv6TypeF, neighbourSolicit, neighbourAdvert), is(nft.IP6HopLimit, 255), accept())
}

// behind declares the set of addresses that live behind an interface in zones.
// Where that is one zone its own set serves.
func (b *builder) behind(f family, i *policy.Interface) (string, bool) {
	if len(i.Zones) == 1 {
		return b.zoneSet(f, i.Zones[0])
	}
	var all netipx.IPSetBuilder
	for _, z := range i.Zones {
		all.AddSet(b.site.Set(z))
	}
	set, err := all.IPSet()
	if err != nil {
		panic(err) // the model holds no invalid address
	}
	return b.addressSet(f, "behind"+f.digit+"."+i.Name, "sources behind "+i.Name, f.ranges(set))
}

// zoneSet declares the set of a zone's addresses; false if it has none of the family.
func (b *builder) zoneSet(f family, z *policy.Zone) (string, bool) {
	return b.addressSet(f, "zone"+f.digit+"."+z.Name, "zone "+z.Name, f.ranges(b.site.Set(z)))
}

func (b *builder) addressSet(f family, name, comment string, ranges []netipx.IPRange) (string, bool) {
	if len(ranges) == 0 {
		return "", false
	}
	return b.set(&nft.Set{Name: name, Comment: comment, Key: []nft.Type{f.key}, Interval: true, Elements: elements(ranges)}), true
}
