package compile

import (
	"net/netip"

	"glacis/internal/nft"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// family is what differs between IPv4 and IPv6 in nft's words.
type family struct {
	name         string // as in "snat ip to"
	digit        string // in the names of sets
	saddr, daddr nft.Field
	key          nft.Type
	hopLimit     nft.Field
}

var (
	ip4      = family{"ip", "4", nft.IPSaddr, nft.IPDaddr, nft.IPv4Addr, nft.IPTTL}
	ip6      = family{"ip6", "6", nft.IP6Saddr, nft.IP6Daddr, nft.IPv6Addr, nft.IP6HopLimit}
	families = []family{ip4, ip6}
)

// has reports whether the address is of the family.
func (f family) has(a netip.Addr) bool { return a.Is4() == (f.digit == "4") }

// ranges returns the family's part of a set of addresses.
func (f family) ranges(set *netipx.IPSet) []netipx.IPRange {
	var out []netipx.IPRange
	for _, r := range set.Ranges() {
		if f.has(r.From()) {
			out = append(out, r)
		}
	}
	return out
}

// whole is every address of the family.
func (f family) whole() netipx.IPRange {
	if f.digit == "4" {
		return netipx.RangeOfPrefix(netip.MustParsePrefix("0.0.0.0/0"))
	}
	return netipx.RangeOfPrefix(netip.MustParsePrefix("::/0"))
}

// of returns the address of the family, or the zero Addr.
func (f family) of(addrs []netip.Addr) netip.Addr {
	for _, a := range addrs {
		if f.has(a) {
			return a
		}
	}
	return netip.Addr{}
}

func (f family) singles(addrs []netip.Addr) []netipx.IPRange {
	var out []netipx.IPRange
	for _, a := range addrs {
		if f.has(a) {
			out = append(out, netipx.IPRangeFrom(a, a))
		}
	}
	return out
}

// own are the firewall's addresses on an interface.
func (f family) own(i *policy.Interface) []netipx.IPRange {
	var addrs []netip.Addr
	for _, p := range i.Addresses {
		addrs = append(addrs, p.Addr())
	}
	return f.singles(addrs)
}

func value(r netipx.IPRange) nft.Value { return nft.Addr{Lo: r.From(), Hi: r.To()} }

func elements(ranges []netipx.IPRange) []nft.Element {
	var out []nft.Element
	for _, r := range ranges {
		out = append(out, nft.Element{Key: []nft.Value{value(r)}})
	}
	return out
}

// addrs compares an address field with ranges. No ranges would mean "match
// nothing" but print as "match everything": callers must not ask.
func addrs(f nft.Field, ranges []netipx.IPRange) nft.Stmt {
	if len(ranges) == 0 {
		panic("compile: a match on no addresses")
	}
	return nft.Match{Key: []nft.Field{f}, Values: elements(ranges)}
}

func inSet(f nft.Field, set string) nft.Stmt { return nft.Match{Key: []nft.Field{f}, Set: set} }
