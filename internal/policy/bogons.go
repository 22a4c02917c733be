package policy

import (
	"net/netip"
	"sync"

	"go4.org/netipx"
)

// bogons are the blocks of the IANA IPv4 and IPv6 special-purpose registries
// that are never a source on the Internet, with multicast (RFC 5771, RFC 4291)
// and the reserved class E (RFC 1112). The documentation blocks (RFC 5737,
// RFC 3849, RFC 9637) are left out on purpose: examples and labs use them.
// Global unicast IPv6 is 2000::/3 (RFC 4291, IANA); all else is a bogon.
var bogons = []string{
	"0.0.0.0/8",      // this network, RFC 791
	"10.0.0.0/8",     // private, RFC 1918
	"100.64.0.0/10",  // shared by carriers, RFC 6598
	"127.0.0.0/8",    // loopback, RFC 1122
	"169.254.0.0/16", // link-local, RFC 3927
	"172.16.0.0/12",  // private, RFC 1918
	"192.0.0.0/24",   // IETF protocol assignments, RFC 6890
	"192.88.99.0/24", // 6to4 relay anycast, deprecated, RFC 7526
	"192.168.0.0/16", // private, RFC 1918
	"198.18.0.0/15",  // benchmarking, RFC 2544
	"224.0.0.0/4",    // multicast, RFC 5771
	"240.0.0.0/4",    // reserved, RFC 1112, and limited broadcast
	"::/3",           // unspecified, loopback, mapped, NAT64, discard ...
	"4000::/2",       // not allocated
	"8000::/1",       // not allocated, unique-local, link-local, multicast
	"2001::/32",      // Teredo, RFC 4380
	"2001:2::/48",    // benchmarking, RFC 5180
	"2001:10::/28",   // ORCHID, deprecated, RFC 4843
	"2002::/16",      // 6to4, RFC 3056, deprecated by RFC 7526
	"3ffe::/16",      // 6bone, returned, RFC 3701
}

// DefaultBogons returns the built-in list.
var DefaultBogons = sync.OnceValue(func() *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, p := range bogons {
		b.AddPrefix(netip.MustParsePrefix(p))
	}
	return mustSet(&b)
})
