package linux

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Veth makes a pair of virtual Ethernet links, one end in each namespace. Both
// are down.
func Veth(a *Namespace, aName string, b *Namespace, bName string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = aName
	err := a.handle.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: bName, PeerNamespace: netlink.NsFd(b.fd)})
	if err != nil {
		return fmt.Errorf("link %s in %s to %s in %s: %w", aName, a.Name, bName, b.Name, err)
	}
	return nil
}

// Bridge makes a bridge, up, with the ports given, brought up too. It forwards
// at once: no spanning tree, no snooping.
func (n *Namespace) Bridge(name string, ports ...string) error {
	if err := n.addBridge(name, netlink.Bridge{}); err != nil {
		return err
	}
	for _, p := range ports {
		if err := n.AddPort(name, p); err != nil {
			return err
		}
	}
	return nil
}

func (n *Namespace) addBridge(name string, b netlink.Bridge) error {
	snooping := false
	b.LinkAttrs = netlink.NewLinkAttrs()
	b.Name, b.MulticastSnooping = name, &snooping
	if err := n.handle.LinkAdd(&b); err != nil {
		return fmt.Errorf("bridge %s in %s: %w", name, n.Name, err)
	}
	return n.SetUp(name)
}

// AddPort makes a link a port of a bridge and brings it up.
func (n *Namespace) AddPort(bridge, port string) error {
	b, err := n.link(bridge)
	if err != nil {
		return err
	}
	p, err := n.link(port)
	if err != nil {
		return err
	}
	if err := n.handle.LinkSetMasterByIndex(p, b.Attrs().Index); err != nil {
		return fmt.Errorf("port %s of %s in %s: %w", port, bridge, n.Name, err)
	}
	return n.SetUp(port)
}

// SetUp and SetDown switch a link.
func (n *Namespace) SetUp(link string) error { return n.setLink(link, n.handle.LinkSetUp) }

// SetDown switches a link off.
func (n *Namespace) SetDown(link string) error { return n.setLink(link, n.handle.LinkSetDown) }

// SetMTU sets the largest packet a link carries, in bytes.
func (n *Namespace) SetMTU(link string, mtu int) error {
	return n.setLink(link, func(l netlink.Link) error { return n.handle.LinkSetMTU(l, mtu) })
}

func (n *Namespace) setLink(link string, set func(netlink.Link) error) error {
	l, err := n.link(link)
	if err != nil {
		return err
	}
	if err := set(l); err != nil {
		return fmt.Errorf("link %s in %s: %w", link, n.Name, err)
	}
	return nil
}

// HasLink reports whether the namespace has a link of that name.
func (n *Namespace) HasLink(name string) bool {
	_, err := n.handle.LinkByName(name)
	return err == nil
}

// MAC returns a link's hardware address.
func (n *Namespace) MAC(link string) (net.HardwareAddr, error) {
	l, err := n.link(link)
	if err != nil {
		return nil, err
	}
	return l.Attrs().HardwareAddr, nil
}

// AddAddress gives a link an address with its subnet's length. IPv6 addresses
// are usable at once: nobody else in the site may have them.
func (n *Namespace) AddAddress(link string, p netip.Prefix) error {
	l, err := n.link(link)
	if err != nil {
		return err
	}
	addr := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	if err := n.handle.AddrReplace(l, addr); err != nil {
		return fmt.Errorf("address %s on %s in %s: %w", p, link, n.Name, err)
	}
	return nil
}

// AddRoute sends a network through a next hop; an invalid next hop means that
// it is directly on the link.
func (n *Namespace) AddRoute(dst netip.Prefix, via netip.Addr, link string) error {
	l, err := n.link(link)
	if err != nil {
		return err
	}
	r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(dst.Masked())}
	if via.IsValid() {
		r.Gw = via.AsSlice()
	} else {
		r.Scope = netlink.SCOPE_LINK
	}
	if err := n.handle.RouteReplace(r); err != nil {
		return fmt.Errorf("route %s via %s on %s in %s: %w", dst, via, link, n.Name, err)
	}
	return nil
}

// AddBlackhole makes the namespace discard what it would send to a network.
func (n *Namespace) AddBlackhole(dst netip.Prefix) error {
	r := &netlink.Route{Dst: ipNet(dst.Masked()), Type: unix.RTN_BLACKHOLE}
	if err := n.handle.RouteReplace(r); err != nil {
		return fmt.Errorf("blackhole %s in %s: %w", dst, n.Name, err)
	}
	return nil
}

func (n *Namespace) link(name string) (netlink.Link, error) {
	l, err := n.handle.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("no link %s in %s", name, n.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("link %s in %s: %w", name, n.Name, err)
	}
	return l, nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// FlushNeighbours makes the namespace forget which hardware address belongs to
// which neighbour.
func FlushNeighbours(n *Namespace) error {
	list, err := n.handle.NeighList(0, 0)
	if err != nil {
		return fmt.Errorf("neighbours in %s: %w", n.Name, err)
	}
	for _, neigh := range list {
		if neigh.State&(netlink.NUD_NOARP|netlink.NUD_PERMANENT) != 0 {
			continue
		}
		if err := n.handle.NeighDel(&neigh); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("forget neighbour %s in %s: %w", neigh.IP, n.Name, err)
		}
	}
	return nil
}
