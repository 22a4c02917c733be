package policy

import "net/netip"

// destinationNAT rewrites the packet as the first matching publish or map entry
// says, 1:1 maps first. It changes p too: rules are asked about real addresses.
func (s *Site) destinationNAT(d *Decision, p *Packet) {
	from := s.Zone(d.FromZone)
	if s.exempt(from) {
		return
	}
	for _, n := range s.NATInOrder() {
		if !n.translatesDestination(*p, from) {
			continue
		}
		to := sameFamily(n.Host.Addresses, p.Dst)
		if !to.IsValid() {
			continue
		}
		p.Dst = to
		if n.Port != 0 {
			p.DstPort = n.Port
		}
		d.DNAT, d.DstTranslated = n, true
		d.Dst, d.DstPort = p.Dst, p.DstPort
		return
	}
}

func (n *NAT) translatesDestination(p Packet, from *Zone) bool {
	if sameAddr(n.At, p.Dst) == (netip.Addr{}) {
		return false
	}
	switch n.Kind {
	case Map:
		return true
	case Publish:
		return n.Service.MatchesPacket(p) && (len(n.From) == 0 || matchesEnd(n.From, from, p.Src))
	}
	return false
}

// sourceNAT works out the source address that the destination sees.
func (s *Site) sourceNAT(d *Decision, p Packet, from, to *Zone) {
	if s.exempt(from) || s.exempt(to) {
		return
	}
	for _, n := range s.NATInOrder() {
		if n.Out != to {
			continue
		}
		var as netip.Addr
		switch {
		case n.Kind == Map && sameAddr(n.Host.Addresses, p.Src).IsValid():
			as = sameFamily(n.At, p.Src)
		case n.Kind == Masquerade && matchesEnd(n.From, from, p.Src):
			as = n.SourceFor(p.Src)
		}
		if as.IsValid() {
			d.SNAT, d.SrcTranslated, d.Src = n, true, as
			return
		}
	}
}

// SourceFor returns the address that a masquerade entry shows for a source of
// that family, or the zero Addr if it does not translate the family.
func (n *NAT) SourceFor(src netip.Addr) netip.Addr {
	if len(n.As) > 0 {
		return sameFamily(n.As, src)
	}
	if !src.Is4() {
		return netip.Addr{}
	}
	for _, p := range n.Out.Interface.Addresses {
		if p.Addr().Is4() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// NATInOrder returns the translations in the order they are tried: 1:1 maps,
// then the others as written. Exempt entries are not among them.
func (s *Site) NATInOrder() []*NAT {
	var maps, rest []*NAT
	for _, n := range s.NAT {
		switch n.Kind {
		case Map:
			maps = append(maps, n)
		case Masquerade, Publish:
			rest = append(rest, n)
		}
	}
	return append(maps, rest...)
}

// ExemptZones returns the zones whose packets are never translated.
func (s *Site) ExemptZones() []*Zone {
	var out []*Zone
	for _, z := range s.Zones {
		if s.exempt(z) {
			out = append(out, z)
		}
	}
	return out
}

func (s *Site) exempt(z *Zone) bool {
	if z == nil {
		return false
	}
	for _, n := range s.NAT {
		if n.Kind == Exempt && hasZone(n.From, z) {
			return true
		}
	}
	return false
}

func sameAddr(addrs []netip.Addr, a netip.Addr) netip.Addr {
	for _, x := range addrs {
		if x == a {
			return x
		}
	}
	return netip.Addr{}
}
