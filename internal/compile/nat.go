package compile

import (
	"slices"

	"glacis/internal/nft"
	"glacis/internal/policy"
)

// destinationNAT translates before routing, so that every rule is asked about
// real addresses. A nat chain sees only the first packet of a connection.
func (b *builder) destinationNAT() {
	if !b.translates(policy.Publish, policy.Map) {
		return
	}
	c := b.base("dstnat", "nat", "prerouting", nft.PriorityDstNAT, "accept")
	for _, z := range b.site.ExemptZones() {
		b.exempt(c, z, true)
	}
	for _, n := range b.site.NATInOrder() {
		if n.Kind != policy.Publish && n.Kind != policy.Map {
			continue
		}
		for _, f := range families {
			b.publish(c, f, n)
		}
	}
}

// translates reports whether the site has NAT of one of the kinds: a nat chain
// costs every packet a little, also an empty one.
func (b *builder) translates(kinds ...policy.NATKind) bool {
	return slices.ContainsFunc(b.site.NAT, func(n *policy.NAT) bool { return slices.Contains(kinds, n.Kind) })
}

// exempt stops translation of what a zone sends or, after routing, receives.
// Anti-spoofing has bound the address to the zone.
func (b *builder) exempt(c *nft.Chain, z *policy.Zone, sourceOnly bool) {
	for _, f := range families {
		set, ok := b.zoneSet(f, z)
		if !ok {
			continue
		}
		add(c, z.Name+" is never translated", inSet(f.saddr, set), accept())
		if !sourceOnly {
			add(c, z.Name+" is never translated", inSet(f.daddr, set), accept())
		}
	}
}

func (b *builder) publish(c *nft.Chain, f family, n *policy.NAT) {
	at, real := f.singles(n.At), f.of(n.Host.Addresses)
	if len(at) == 0 || !real.IsValid() {
		return
	}
	translate := nft.Translate{Kind: "dnat", Family: f.name, Addr: real, Port: n.Port}
	match := []nft.Stmt{addrs(f.daddr, at)}
	if n.Kind == policy.Map {
		add(c, natComment(n), append(match, b.natCounter(n), translate)...)
		return
	}
	asRule := &policy.Rule{Services: []*policy.Service{n.Service}, Action: policy.Allow}
	for _, src := range b.publishSources(f, n) {
		for _, s := range services(asRule, f) {
			stmts := append(append(append([]nft.Stmt{}, match...), src...), s.stmts...)
			add(c, natComment(n), append(stmts, b.natCounter(n), translate)...)
		}
	}
}

// publishSources matches for whom a service is published: one list of
// statements a source, an empty one for everybody.
func (b *builder) publishSources(f family, n *policy.NAT) [][]nft.Stmt {
	if len(n.From) == 0 {
		return [][]nft.Stmt{nil}
	}
	var out [][]nft.Stmt
	for _, e := range n.From {
		if s, ok := b.source(f, e); ok {
			out = append(out, []nft.Stmt{s})
		}
	}
	return out
}

// source matches the addresses of an endpoint, outside any pair's chain.
func (b *builder) source(f family, e policy.Endpoint) (nft.Stmt, bool) {
	if e.Addrs != nil {
		if r := f.ranges(e.Addrs); len(r) > 0 {
			return addrs(f.saddr, r), true
		}
		return nil, false
	}
	set, ok := b.zoneSet(f, e.Zone)
	return inSet(f.saddr, set), ok
}

// sourceNAT translates what leaves, after every rule was asked.
func (b *builder) sourceNAT() {
	if !b.translates(policy.Masquerade, policy.Map) {
		return
	}
	c := b.base("srcnat", "nat", "postrouting", nft.PrioritySrcNAT, "accept")
	for _, z := range b.site.ExemptZones() {
		b.exempt(c, z, false)
	}
	for _, n := range b.site.NATInOrder() {
		for _, f := range families {
			switch n.Kind {
			case policy.Map:
				b.hide(c, f, n, policy.HostEndpoint(n.Host))
			case policy.Masquerade:
				for _, e := range n.From {
					b.hide(c, f, n, e)
				}
			}
		}
	}
}

func (b *builder) hide(c *nft.Chain, f family, n *policy.NAT, e policy.Endpoint) {
	as := f.of(n.At)
	if n.Kind == policy.Masquerade {
		as = n.SourceFor(f.whole().From())
	}
	src, ok := b.source(f, e)
	if !as.IsValid() || !ok {
		return
	}
	stmts := []nft.Stmt{out(n.Out.Interface.Link()), src}
	if len(n.Out.Interface.Zones) > 1 {
		set, ok := b.zoneSet(f, n.Out)
		if !ok {
			return
		}
		stmts = append(stmts, inSet(f.daddr, set))
	}
	add(c, natComment(n), append(stmts, b.natCounter(n), nft.Translate{Kind: "snat", Family: f.name, Addr: as})...)
}

func (b *builder) natCounter(n *policy.NAT) nft.Stmt {
	return b.counter("nat."+n.Name, n.Range.FileLine())
}

func natComment(n *policy.NAT) string { return n.Name + " " + n.Range.FileLine() }
