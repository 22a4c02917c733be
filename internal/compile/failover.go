package compile

import (
	"net/netip"

	"glacis/internal/nft"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// failoverChain is the name that stands for the failover link among the
// interfaces. A colon-free word that no interface can have: names begin with a
// letter, this with a digit.
const failoverChain = "0failover"

// conntrackdPort is where conntrackd exchanges connection state, by convention
// of its documentation.
const conntrackdPort = 3780

// peer returns this node's and the other node's address on the failover link.
func (b *builder) peer() (self, peer netip.Addr) {
	f := b.site.Firewall.Failover
	for k, n := range b.site.Firewall.Nodes {
		if n == b.node {
			self = f.Addresses[k].Addr()
		} else {
			peer = f.Addresses[k].Addr()
		}
	}
	return self, peer
}

func (b *builder) failoverSpoofing() {
	f := b.site.Firewall.Failover
	if f == nil {
		return
	}
	_, peer := b.peer()
	c := b.chain("spoof." + failoverChain)
	add(c, "the other node", addrs(familyOf(peer).saddr, one(peer)), accept())
	if peer.Is6() {
		b.neighbourDiscovery(c)
	}
	b.dropTail(c, "failover (spoofed)", "spoofed."+failoverChain)
}

// failoverControl lets the two nodes agree on who is active and exchange state,
// pinned to the link, the peer's address and a hop limit that proves that no
// router was between (RFC 5082, RFC 9568). The site's rules come after it and
// cannot cut it.
func (b *builder) failoverControl(c *nft.Chain, inbound bool) {
	f := b.site.Firewall.Failover
	if f == nil {
		return
	}
	self, peer := b.peer()
	fam := familyOf(peer)
	link, src, dst := in(f.Link()), peer, self
	if !inbound {
		link, src, dst = out(f.Link()), self, peer
	}
	ends := func(rest ...nft.Stmt) []nft.Stmt {
		return append([]nft.Stmt{link, addrs(fam.saddr, one(src)), addrs(fam.daddr, one(dst))}, rest...)
	}
	add(c, "VRRP with the other node", ends(is(fam.hopLimit, 255), is(nft.L4Proto, policy.VRRP), accept())...)
	add(c, "connection state with the other node", ends(is(nft.UDPDport, conntrackdPort), accept())...)
}

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return ip4
	}
	return ip6
}

func one(a netip.Addr) []netipx.IPRange { return []netipx.IPRange{netipx.IPRangeFrom(a, a)} }

func single(a string) netipx.IPRange {
	addr := netip.MustParseAddr(a)
	return netipx.IPRangeFrom(addr, addr)
}
