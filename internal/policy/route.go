package policy

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Route is one entry of the firewall's routing table.
type Route struct {
	Dest      netip.Prefix
	Via       netip.Addr // invalid for a connected subnet
	Interface *Interface
}

// Routes returns the firewall's routing table: its subnets, the zones' networks
// behind each interface's next hop, and the way to the Internet. The longest
// destination decides; no two have the same.
func (s *Site) Routes() []Route {
	var routes []Route
	for _, i := range s.Firewall.Interfaces {
		for _, p := range i.Addresses {
			routes = append(routes, Route{Dest: p.Masked(), Interface: i})
		}
	}
	for _, i := range s.Firewall.Interfaces {
		for _, z := range i.Zones {
			for _, n := range z.Networks {
				if via := sameFamily(i.Via, n.Addr()); via.IsValid() && !connected(i, n) {
					routes = append(routes, Route{Dest: n.Masked(), Via: via, Interface: i})
				}
			}
		}
	}
	if z := s.InternetZone(); z != nil && z.Interface != nil {
		for _, g := range s.Firewall.Gateways {
			all := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			if g.Is4() {
				all = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
			}
			routes = append(routes, Route{Dest: all, Via: g, Interface: z.Interface})
		}
	}
	return routes
}

// RouteTo returns the route the kernel takes to a, the longest destination that
// holds it.
func RouteTo(routes []Route, a netip.Addr) (Route, bool) {
	best, found := Route{}, false
	for _, r := range routes {
		if r.Dest.Contains(a) && (!found || r.Dest.Bits() > best.Dest.Bits()) {
			best, found = r, true
		}
	}
	return best, found
}

// connected reports whether the network lies within one of the interface's own
// subnets, so that no next hop is needed.
func connected(i *Interface, n netip.Prefix) bool {
	return slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool {
		return p.Masked().Contains(n.Addr()) && n.Bits() >= p.Bits()
	})
}

func sameFamily(addrs []netip.Addr, as netip.Addr) netip.Addr {
	for _, a := range addrs {
		if a.Is4() == as.Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// NATAddress is a translated address that the firewall must answer for.
type NATAddress struct {
	Addr      netip.Addr
	Interface *Interface
}

// NATAddresses lists the addresses of NAT entries that are not an interface's
// own, each once, with the interface that holds it: the one whose subnet has
// it, else the one it is seen from.
func (s *Site) NATAddresses() []NATAddress {
	var out []NATAddress
	seen := map[netip.Addr]bool{}
	for _, i := range s.Firewall.Interfaces {
		for _, p := range i.Addresses {
			seen[p.Addr()] = true
		}
	}
	for _, n := range s.NAT {
		for _, a := range slices.Concat(n.As, n.At) {
			if i := s.natInterface(n, a); i != nil && !seen[a] {
				seen[a] = true
				out = append(out, NATAddress{a, i})
			}
		}
	}
	return out
}

func (s *Site) natInterface(n *NAT, a netip.Addr) *Interface {
	for _, i := range s.Firewall.Interfaces {
		for _, p := range i.Addresses {
			if p.Masked().Contains(a) {
				return i
			}
		}
	}
	if n.Out != nil {
		return n.Out.Interface
	}
	for _, e := range n.From {
		if e.Zone != nil {
			return e.Zone.Interface
		}
	}
	if z := s.InternetZone(); z != nil {
		return z.Interface
	}
	return nil
}

// Behind returns every address that may be a source on the interface: its
// zones and its transit.
func (s *Site) Behind(i *Interface) *netipx.IPSet {
	sets := []*netipx.IPSet{s.Transit(i)}
	for _, z := range i.Zones {
		sets = append(sets, s.Set(z))
	}
	return union(sets...)
}
