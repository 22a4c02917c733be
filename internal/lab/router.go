package lab

import (
	"fmt"
	"net/netip"
	"slices"

	"glacis/internal/linux"
	"glacis/internal/policy"
)

// router is a next hop of the site: one leg on the firewall's segment, the
// other on a wire where the hosts behind it live. The Internet is one, too.
type router struct {
	namespace *linux.Namespace
	hops      []netip.Addr // its addresses on the firewall's segment
	bridge    string       // the wire behind it
}

const (
	outerLink = "outer" // towards the firewall
	innerLink = "inner" // towards the hosts
)

// Addresses of every router on the wire behind it, link-local: the hosts there
// have none of that network.
var innerAddresses = []netip.Prefix{netip.MustParsePrefix("169.254.0.1/32"), netip.MustParsePrefix("fe80::1/64")}

// nextHops are the routers' addresses behind an interface: its via, and the
// gateways towards the Internet.
func (l *Lab) nextHops(i *policy.Interface) []netip.Addr {
	hops := slices.Clone(i.Via)
	if z := l.Site.InternetZone(); z != nil && z.Interface == i {
		hops = append(hops, l.Site.Firewall.Gateways...)
	}
	return hops
}

// addRouter makes the router behind an interface, if the site has one there.
func (l *Lab) addRouter(i *policy.Interface) error {
	r := &router{hops: l.nextHops(i)}
	if len(r.hops) == 0 {
		return nil
	}
	var err error
	if r.namespace, err = l.namespace("router." + i.Name); err != nil {
		return err
	}
	l.routers[i] = r
	if err := l.plug(l.segments[i], l.nextPort(), r.namespace, outerLink); err != nil {
		return err
	}
	r.bridge = fmt.Sprintf("behind%d", l.segments[i].number)
	if err := l.switches.Bridge(r.bridge); err != nil {
		return err
	}
	if err := l.plug(segment{bridge: r.bridge}, l.nextPort(), r.namespace, innerLink); err != nil {
		return err
	}
	if err := r.configure(i); err != nil {
		return err
	}
	if z := l.Site.InternetZone(); z == nil || z.Interface != i {
		return nil
	}
	for _, p := range private {
		if err := r.namespace.AddBlackhole(p); err != nil {
			return err
		}
	}
	return nil
}

// private networks lead nowhere on the Internet (RFC 1918, RFC 6598, RFC 4193):
// a firewall that forgets to translate gets no answer.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"),
}

// configure gives the router its addresses, its way to the firewall, and leave
// to forward.
func (r *router) configure(i *policy.Interface) error {
	for _, key := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		if err := r.namespace.SetSysctl(key, "1"); err != nil {
			return err
		}
	}
	for _, link := range []string{outerLink, innerLink} {
		if err := r.namespace.SetUp(link); err != nil {
			return err
		}
	}
	for _, p := range innerAddresses {
		if err := r.namespace.AddAddress(innerLink, p); err != nil {
			return err
		}
	}
	for _, hop := range r.hops {
		for _, p := range i.Addresses {
			if !p.Masked().Contains(hop) {
				continue
			}
			if err := r.namespace.AddAddress(outerLink, netip.PrefixFrom(hop, p.Bits())); err != nil {
				return err
			}
			if err := r.namespace.AddRoute(everywhere(hop), p.Addr(), outerLink); err != nil {
				return err
			}
		}
	}
	return nil
}

// plugBehindRouter connects a machine to the wire behind its router. Machines
// there reach each other through it: they have single addresses.
func (l *Lab) plugBehindRouter(m *Machine, addrs []netip.Addr) error {
	const link = "eth1"
	r := l.routers[m.Zone.Interface]
	if r == nil {
		return fmt.Errorf("%s is on no subnet of interface %s, and the site names no next hop there (via, or gateway for the Internet)", addrs[0], m.Zone.Interface.Name)
	}
	if err := l.plug(segment{bridge: r.bridge}, l.nextPort(), m.Namespace, link); err != nil {
		return err
	}
	if err := m.Namespace.SetUp(link); err != nil {
		return err
	}
	for _, a := range addrs {
		one := netip.PrefixFrom(a, a.BitLen())
		if err := m.Namespace.AddAddress(link, one); err != nil {
			return err
		}
		if err := r.namespace.AddRoute(one, netip.Addr{}, innerLink); err != nil {
			return err
		}
		if err := l.wayOut(m.Namespace, link, a); err != nil {
			return err
		}
	}
	return nil
}

// wayOut sends a machine's packets of a family through its router.
func (l *Lab) wayOut(ns *linux.Namespace, link string, a netip.Addr) error {
	inner := innerAddresses[1].Addr()
	if a.Is4() {
		inner = innerAddresses[0].Addr()
		if err := ns.AddRoute(innerAddresses[0], netip.Addr{}, link); err != nil {
			return err
		}
	}
	return ns.AddRoute(everywhere(a), inner, link)
}
