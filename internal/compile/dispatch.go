package compile

import (
	"slices"

	"glacis/internal/nft"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// forward is the path between zones: connections first, then the pair of
// interfaces, then (where an interface carries several zones) source and
// destination addresses, to one chain for each pair of zones.
func (b *builder) forward() {
	c := b.base("forward", "filter", "forward", nft.PriorityFilter, "drop")
	b.stateful(c, "new.forward")
	b.related()
	c = b.chain("new.forward")
	b.synOnly(c)
	pairs := &nft.Set{Name: "pairs", Comment: "in and out interface to what follows", Key: []nft.Type{nft.IfName, nft.IfName}, Verdicts: true}
	for _, i := range b.site.Firewall.Interfaces {
		for _, o := range b.site.Firewall.Interfaces {
			if i == o {
				continue
			}
			leg := "leg." + i.Name + "." + o.Name
			pairs.Elements = append(pairs.Elements, nft.Element{
				Key: []nft.Value{nft.Str(i.Link()), nft.Str(o.Link())}, Verdict: to(leg)})
		}
	}
	if len(pairs.Elements) > 0 {
		add(c, "", nft.VMap{Key: []nft.Field{nft.IIFName, nft.OIFName}, Set: b.set(pairs)})
	}
	b.dropTail(c, "(default)", "drop.forward")
	for _, i := range b.site.Firewall.Interfaces {
		for _, o := range b.site.Firewall.Interfaces {
			if i != o {
				b.leg(i, o)
			}
		}
	}
}

// stateful sends packets on by what connection tracking says of them. What is
// none of these (invalid, untracked) falls to the drop.
func (b *builder) stateful(c *nft.Chain, forNew string, extra ...nft.Element) {
	state := func(bit int, v *nft.Verdict) nft.Element {
		return nft.Element{Key: []nft.Value{nft.N(bit)}, Verdict: v}
	}
	add(c, "", nft.VMap{Key: []nft.Field{nft.CTStateF}, Elements: append([]nft.Element{
		state(nft.CTEstablished, &nft.Verdict{Kind: nft.Accept}),
		state(nft.CTRelated, to("related")),
		state(nft.CTNew, to(forNew)),
	}, extra...)})
	b.dropTail(c, "(out of state)", "drop.state")
}

// related accepts ICMP errors about connections, nothing else: no helper is
// loaded that would expect more.
func (b *builder) related() {
	if b.chains["related"] != nil {
		return
	}
	c := b.chain("related")
	for _, f := range families {
		add(c, "", f.icmpErrors(), accept())
	}
	b.dropTail(c, "(out of state)", "drop.state")
}

// TCP flag bits, RFC 9293.
const (
	tcpFIN = 1
	tcpSYN = 2
	tcpRST = 4
	tcpACK = 16
)

func (b *builder) synOnly(c *nft.Chain) {
	notSYN := nft.Match{Key: []nft.Field{nft.TCPFlags}, Mask: tcpFIN | tcpSYN | tcpRST | tcpACK, Not: true,
		Values: []nft.Element{{Key: []nft.Value{nft.N(tcpSYN)}}}}
	add(c, "a new connection begins with SYN", notSYN, goTo("not-syn"))
	if b.chains["not-syn"] == nil {
		b.dropTail(b.chain("not-syn"), "(not syn)", "drop.state")
	}
}

// leg finds the zone pair of packets from one interface to another.
func (b *builder) leg(i, o *policy.Interface) {
	c := b.chain("leg." + i.Name + "." + o.Name)
	b.bySource(c, i, func(z *policy.Zone) string { return "via." + z.Name + "." + o.Name }, func(c *nft.Chain, z *policy.Zone) {
		b.byDestination(c, z, o)
	})
}

// bySource continues in the chain given for the source's zone: in c itself
// where the interface carries one zone, for anti-spoofing has settled it.
func (b *builder) bySource(c *nft.Chain, i *policy.Interface, name func(*policy.Zone) string, next func(*nft.Chain, *policy.Zone)) {
	if len(i.Zones) == 1 {
		next(c, i.Zones[0])
		return
	}
	for _, f := range families {
		if m := b.zoneMap(f, "from"+f.digit+"."+c.Name, i.Zones, name); m != "" {
			add(c, "", nft.VMap{Key: []nft.Field{f.saddr}, Set: m})
		}
	}
	b.dropTail(c, "(default)", "drop.forward")
	for _, z := range i.Zones {
		next(b.chain(name(z)), z)
	}
}

// byDestination continues in the chain of the zone pair, or drops: an address
// on the way out that is in no zone is nobody's.
func (b *builder) byDestination(c *nft.Chain, from *policy.Zone, o *policy.Interface) {
	pair := func(z *policy.Zone) string { return pairChain(from, z) }
	for _, f := range families {
		if len(o.Zones) == 1 {
			if set, ok := b.zoneSet(f, o.Zones[0]); ok {
				add(c, "", inSet(f.daddr, set), goTo(pair(o.Zones[0])))
			}
		} else if m := b.zoneMap(f, "to"+f.digit+"."+c.Name, o.Zones, pair); m != "" {
			add(c, "", nft.VMap{Key: []nft.Field{f.daddr}, Set: m})
		}
	}
	b.dropTail(c, "(default)", "drop.forward")
	for _, z := range o.Zones {
		b.pair(from, z)
	}
}

// zoneMap declares the map from addresses to the chain of their zone.
func (b *builder) zoneMap(f family, name string, zones []*policy.Zone, chain func(*policy.Zone) string) string {
	s := &nft.Set{Name: name, Key: []nft.Type{f.key}, Verdicts: true, Interval: true}
	for _, z := range zones {
		for _, e := range elements(f.ranges(b.site.Set(z))) {
			e.Verdict = to(chain(z))
			s.Elements = append(s.Elements, e)
		}
	}
	if len(s.Elements) == 0 {
		return ""
	}
	slices.SortFunc(s.Elements, func(x, y nft.Element) int {
		return x.Key[0].(nft.Addr).Lo.Compare(y.Key[0].(nft.Addr).Lo)
	})
	return b.set(s)
}

// input is the path to the firewall itself. Management comes before anything
// the site says.
func (b *builder) input() {
	c := b.base("input", "filter", "input", nft.PriorityFilter, "drop")
	add(c, "", in("lo"), accept())
	b.stateful(c, "new.input", nft.Element{Key: []nft.Value{nft.N(nft.CTUntracked)}, Verdict: to("untracked.input")})
	b.related()

	c = b.chain("untracked.input")
	b.neighbourDiscovery(c)
	b.dropTail(c, "(out of state)", "drop.state")

	c = b.chain("new.input")
	b.dhcpRequests(c)
	add(c, "no broadcast, no multicast", nft.Match{Key: []nft.Field{nft.FibDaddrType}, Not: true, Values: []nft.Element{{Key: []nft.Value{nft.N(nft.FibLocal)}}}}, goTo("not-local"))
	b.dropTail(b.chain("not-local"), "(default)", "drop.input")
	b.failoverControl(c, true)
	b.synOnly(c)
	b.management(c)
	add(c, "", jump("itself"))
	b.itself()
	vmap := nft.VMap{Key: []nft.Field{nft.IIFName}}
	for _, i := range b.site.Firewall.Interfaces {
		vmap.Elements = append(vmap.Elements, nft.Element{Key: []nft.Value{nft.Str(i.Link())}, Verdict: to("in." + i.Name)})
	}
	add(c, "", vmap)
	b.dropTail(c, "(default)", "drop.input")
	for _, i := range b.site.Firewall.Interfaces {
		b.bySource(b.chain("in."+i.Name), i, func(z *policy.Zone) string { return pairChain(z, nil) }, func(c *nft.Chain, z *policy.Zone) {
			if c.Name != pairChain(z, nil) {
				add(c, "", goTo(pairChain(z, nil)))
			}
			b.pair(z, nil)
		})
	}
}

// itself returns for packets to an address that the firewall itself has: a
// translated address stands for another host.
func (b *builder) itself() {
	c := b.chain("itself")
	for _, f := range families {
		if set, ok := b.addressSet(f, "itself"+f.digit, "the addresses of interfaces and nodes", f.ranges(b.site.Itself())); ok {
			add(c, "", inSet(f.daddr, set), nft.Verdict{Kind: nft.Return})
		}
	}
	b.dropTail(c, "(default)", "drop.input")
}

func (b *builder) management(c *nft.Chain) {
	m := b.site.ManagementRule()
	for _, h := range b.site.Firewall.Stations {
		link := in(h.Zone.Interface.Link())
		station := *m
		station.From = []policy.Endpoint{policy.HostEndpoint(h)}
		for _, l := range b.lines(&station, h.Zone, nil) {
			stmts := append([]nft.Stmt{link}, l.stmts...)
			add(c, "management station "+h.Name, append(stmts, b.counter("management", ""), accept())...)
		}
	}
}

func (b *builder) dhcpRequests(c *nft.Chain) {
	for _, i := range b.site.Firewall.Interfaces {
		if !i.DHCP {
			continue
		}
		servers := append(ip4.own(i), single("255.255.255.255"))
		add(c, "DHCP requests", in(i.Link()), addrs(nft.IPDaddr, servers), is(nft.UDPSport, 68), is(nft.UDPDport, 67), accept())
	}
}

// dhcpReplies go to the clients of the interface, and to those that have no
// address yet.
func (b *builder) dhcpReplies(c *nft.Chain) {
	for _, i := range b.site.Firewall.Interfaces {
		if !i.DHCP || len(ip4.own(i)) == 0 {
			continue
		}
		reply := []nft.Stmt{out(i.Link()), addrs(nft.IPSaddr, ip4.own(i)), is(nft.UDPSport, 67), is(nft.UDPDport, 68)}
		add(c, "DHCP replies", append(slices.Clip(reply), addrs(nft.IPDaddr, []netipx.IPRange{single("255.255.255.255")}), accept())...)
		if clients, ok := b.behind(ip4, i); ok {
			add(c, "DHCP replies", append(slices.Clip(reply), inSet(nft.IPDaddr, clients), accept())...)
		}
	}
}

// output is what the firewall itself sends: nothing new but what the site
// allows it.
func (b *builder) output() {
	c := b.base("output", "filter", "output", nft.PriorityFilter, "drop")
	add(c, "", out("lo"), accept())
	add(c, "errors and resets about connections", is(nft.CTStateF, nft.CTRelated), accept())
	b.stateful(c, "new.output", nft.Element{Key: []nft.Value{nft.N(nft.CTUntracked)}, Verdict: to("untracked.output")})

	c = b.chain("untracked.output")
	// Multicast listener reports let switches that snoop deliver neighbour
	// solicitations (RFC 4541, RFC 3810).
	b.neighbourDiscovery(c)
	add(c, "multicast listener reports", is(nft.ICMPv6TypeF, 131, 132, 143), is(nft.IP6HopLimit, 1), accept())
	b.dropTail(c, "(out of state)", "drop.state")

	c = b.chain("new.output")
	b.dhcpReplies(c)
	b.failoverControl(c, false)
	b.ownSourceOnly(c)
	b.synOnly(c)
	vmap := nft.VMap{Key: []nft.Field{nft.OIFName}}
	for _, o := range b.site.Firewall.Interfaces {
		vmap.Elements = append(vmap.Elements, nft.Element{Key: []nft.Value{nft.Str(o.Link())}, Verdict: to("out." + o.Name)})
	}
	add(c, "", vmap)
	b.dropTail(c, "(default)", "drop.output")
	for _, o := range b.site.Firewall.Interfaces {
		b.byDestination(b.chain("out."+o.Name), nil, o)
	}
}

// ownSourceOnly keeps the firewall itself from forging sources.
func (b *builder) ownSourceOnly(c *nft.Chain) {
	own := b.chain("own-source")
	for _, f := range families {
		if set, ok := b.addressSet(f, "own"+f.digit, "the firewall's own addresses", f.ranges(b.site.Own())); ok {
			add(own, "", inSet(f.saddr, set), nft.Verdict{Kind: nft.Return})
		}
	}
	b.dropTail(own, "firewall (spoofed)", "spoofed.firewall")
	add(c, "", jump("own-source"))
}
