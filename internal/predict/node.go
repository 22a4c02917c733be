package predict

import (
	"fmt"
	"net/netip"

	"glacis/internal/compile"
	"glacis/internal/nft"

	"go4.org/netipx"
)

// Kinds of destinations (rtnetlink(7)).
const (
	rtnUnicast   = 1
	rtnLocal     = nft.FibLocal
	rtnBroadcast = 3
	rtnAnycast   = 4
	rtnMulticast = 5
)

// fibType is the kind of a destination on the node, from its configuration.
func (n Node) fibType(dst netip.Addr) uint64 {
	for _, a := range n.addresses() {
		m := a.Prefix.Masked()
		switch {
		case a.Prefix.Addr() == dst:
			return rtnLocal
		case dst.Is4() && m.Bits() <= 30 && netipx.PrefixLastIP(m) == dst:
			return rtnBroadcast
		case dst.Is6() && m.Bits() <= 126 && m.Addr() == dst:
			return rtnAnycast
		}
	}
	switch {
	case dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return rtnBroadcast
	case dst.IsMulticast():
		return rtnMulticast
	case dst.Is6() && dst.IsLinkLocalUnicast():
		return rtnLocal // of whom a link-local address is no configuration says: take it for the node's
	}
	return rtnUnicast
}

// Has reports whether the node holds the address now.
func (n Node) Has(a netip.Addr) bool { return n.fibType(a) == rtnLocal }

// route is the node's routing table: longest destination first. What the node
// sends to itself goes by the loopback link, as the kernel has it; by which link
// a broadcast or multicast goes no route says.
func (n Node) route(dst netip.Addr) (link string, local, ok bool) {
	switch n.fibType(dst) {
	case rtnLocal, rtnAnycast:
		return "lo", true, true
	case rtnBroadcast, rtnMulticast:
		return "", true, true
	}
	best := -1
	try := func(p netip.Prefix, l string) {
		if p.Contains(dst) && p.Bits() > best {
			best, link = p.Bits(), l
		}
	}
	on := map[string]bool{}
	for _, a := range n.addresses() {
		try(a.Prefix.Masked(), a.Link)
		on[fmt.Sprint(a.Link, a.Prefix.Addr().Is4())] = true
	}
	for _, r := range n.Config.Routes {
		if on[fmt.Sprint(r.Link, r.Via.Is4())] {
			try(r.Dest, r.Link)
		}
	}
	return link, false, best >= 0
}

// addresses are those the node holds now.
func (n Node) addresses() []compile.Address {
	var out []compile.Address
	for _, a := range n.Config.Addresses {
		if n.Active || !a.Shared {
			out = append(out, a)
		}
	}
	return out
}
