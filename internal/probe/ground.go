package probe

import (
	"fmt"
	"net/netip"
	"slices"

	"glacis/internal/policy"

	"go4.org/netipx"
)

// kinds are packets that differ in protocol alone.
func kinds(is4 bool) []policy.Packet {
	out := []policy.Packet{
		{Proto: policy.TCP, DstPort: 1}, {Proto: policy.TCP, DstPort: 22}, {Proto: policy.TCP, DstPort: 65535},
		{Proto: policy.UDP, DstPort: 1}, {Proto: policy.UDP, DstPort: 65535}, {Proto: policy.GRE}, {Proto: policy.ESP}, {Proto: policy.OSPF},
	}
	if is4 {
		return append(out, policy.Packet{Proto: policy.ICMP, ICMPType: 8}, policy.Packet{Proto: policy.ICMP, ICMPType: 13})
	}
	return append(out, policy.Packet{Proto: policy.ICMPv6, ICMPType: 128})
}

// pairs probes what no rule speaks of, for every ordered pair of zones.
func (g *generator) pairs() {
	for _, from := range g.site.Zones {
		for _, to := range g.site.Zones {
			for _, is4 := range []bool{true, false} {
				src, dst := family(g.site.Set(from).Ranges(), is4), family(g.site.Set(to).Ranges(), is4)
				if len(src) == 0 || len(dst) == 0 {
					continue
				}
				for _, p := range kinds(is4) {
					p.In, p.Src, p.Dst = from.Interface.Name, g.inside(src), g.inside(dst)
					g.add(fmt.Sprintf("default of %s to %s", from.Name, to.Name), p)
				}
			}
		}
	}
	for _, to := range g.site.Zones {
		for _, is4 := range []bool{true, false} {
			src, dst := g.ranges(policy.Endpoint{}, policy.Endpoint{Zone: to}, is4), family(g.site.Set(to).Ranges(), is4)
			if len(src) == 0 || len(dst) == 0 {
				continue
			}
			for _, p := range kinds(is4) {
				p.In, p.Src, p.Dst = policy.Local, src[0].From(), g.inside(dst)
				g.add("default of firewall to "+to.Name, p)
			}
		}
	}
}

// firewallItself probes the firewall's own addresses, broadcasts included, from
// every zone and from around every management station.
func (g *generator) firewallItself() {
	targets := g.ownAddresses()
	ports := []uint16{53}
	for _, s := range g.site.Firewall.Services {
		for _, m := range s.Matches {
			ports = append(ports, m.Ports.First-1, m.Ports.First, m.Ports.Last+1)
		}
	}
	try := func(name string, src netip.Addr, in string) {
		for _, t := range targets {
			for _, port := range ports {
				g.add(name, policy.Packet{In: in, Src: src, Dst: t, Proto: policy.TCP, DstPort: port})
			}
			g.add(name, policy.Packet{In: in, Src: src, Dst: t, Proto: policy.UDP, DstPort: ports[max(0, len(ports)-2)]})
			g.add(name, policy.Packet{In: in, Src: src, Dst: t, Proto: icmpOf(src), ICMPType: echoRequest(src.Is4())})
		}
	}
	for _, z := range g.site.Zones {
		for _, is4 := range []bool{true, false} {
			if src := family(g.site.Set(z).Ranges(), is4); len(src) > 0 {
				try("firewall's own address from "+z.Name, g.inside(src), z.Interface.Name)
			}
		}
	}
	for _, h := range g.site.Firewall.Stations {
		for _, a := range h.Addresses {
			for _, src := range []netip.Addr{a, a.Prev(), a.Next()} {
				try("firewall's own address from around station "+h.Name, src, h.Zone.Interface.Name)
			}
		}
	}
	for _, i := range g.site.Firewall.Interfaces {
		dhcp := policy.Packet{In: i.Name, Src: netip.IPv4Unspecified(), Dst: netip.AddrFrom4([4]byte{255, 255, 255, 255}), Proto: policy.UDP, SrcPort: 68, DstPort: 67}
		g.add("DHCP request on "+i.Name, dhcp)
		dhcp.DstPort = 68
		g.add("near DHCP request on "+i.Name, dhcp)
	}
}

func icmpOf(a netip.Addr) uint8 {
	if a.Is4() {
		return policy.ICMP
	}
	return policy.ICMPv6
}

// ownAddresses are the firewall's addresses and its subnets' special ones.
func (g *generator) ownAddresses() []netip.Addr {
	var out []netip.Addr
	for _, r := range g.site.Own().Ranges() {
		for a := r.From(); a.Compare(r.To()) <= 0; a = a.Next() {
			out = append(out, a)
		}
	}
	for _, i := range g.site.Firewall.Interfaces {
		for _, p := range i.Addresses {
			if p.Addr().Is4() {
				out = append(out, netipx.PrefixLastIP(p.Masked()))
			} else {
				out = append(out, p.Masked().Addr())
			}
		}
	}
	if f := g.site.Firewall.Failover; f != nil { // not behind any interface that is probed
		out = slices.DeleteFunc(out, func(a netip.Addr) bool {
			return slices.ContainsFunc(f.Addresses, func(p netip.Prefix) bool { return p.Masked().Contains(a) })
		})
	}
	return out
}

// spoofed sends on every interface what lives behind the others, on the
// interface's own subnet outside any zone, nowhere, or on the firewall itself.
func (g *generator) spoofed() {
	for _, i := range g.site.Firewall.Interfaces {
		for _, is4 := range []bool{true, false} {
			for _, src := range g.wrongSources(i, is4) {
				for _, z := range g.site.Zones {
					dst := family(g.site.Set(z).Ranges(), is4)
					if z.Interface == i || len(dst) == 0 {
						continue
					}
					for _, p := range []policy.Packet{{Proto: policy.TCP, DstPort: 443}, {Proto: icmpOf(src), ICMPType: echoRequest(is4)}} {
						p.In, p.Src, p.Dst = i.Name, src, g.inside(dst)
						g.add("wrong source on "+i.Name, p)
					}
				}
			}
		}
	}
	g.spoofedServices()
}

func (g *generator) wrongSources(i *policy.Interface, is4 bool) []netip.Addr {
	var out []netip.Addr
	add := func(ranges []netipx.IPRange) {
		if r := family(ranges, is4); len(r) > 0 {
			out = append(out, r[0].From(), g.inside(r))
		}
	}
	for _, z := range g.site.Zones {
		if z.Interface != i {
			add(g.site.Set(z).Ranges())
		}
	}
	for _, other := range g.site.Firewall.Interfaces {
		add(g.site.Transit(other).Ranges())
	}
	add(g.site.Own().Ranges())
	for _, a := range []string{"10.255.1.1", "192.168.77.7", "169.254.1.1", "100.100.1.1", "172.31.9.9", "fd00::9", "2002:a00::1", "4001::1", "fe80::99"} {
		if addr := netip.MustParseAddr(a); addr.Is4() == is4 {
			out = append(out, addr)
		}
	}
	return slices.DeleteFunc(out, func(a netip.Addr) bool { return !sendable(a) })
}

// spoofedServices sends what each allow rule would let pass, with the right
// addresses, by every wrong interface.
func (g *generator) spoofedServices() {
	for _, r := range g.site.Rules {
		if r.Action != policy.Allow {
			continue
		}
		for _, f := range r.From {
			for _, t := range r.To {
				if f.IsFirewall() || t.IsFirewall() {
					continue
				}
				src, dst := g.ranges(f, t, true), g.ranges(t, f, true)
				if len(src) == 0 || len(dst) == 0 {
					continue
				}
				for _, i := range g.site.Firewall.Interfaces {
					if i == f.Zone.Interface || i == t.Zone.Interface {
						continue
					}
					p := instance(matches(r)[0], true)
					p.In, p.Src, p.Dst = i.Name, g.inside(src), g.inside(dst)
					g.add(fmt.Sprintf("rule %s by the wrong interface %s", r.Name, i.Name), p)
				}
			}
		}
	}
}

// outOfState sends, where a rule allows it to begin, what cannot begin a
// connection.
func (g *generator) outOfState() {
	flags := []policy.TCPFlags{policy.ACK, policy.SYN | policy.ACK, policy.FIN, policy.FIN | policy.ACK, policy.RST, policy.RST | policy.ACK,
		policy.SYN | policy.FIN, policy.SYN | policy.RST, policy.FIN | policy.PSH | policy.URG, policy.PSH | policy.ACK}
	for _, r := range g.site.Rules {
		for _, f := range r.From {
			for _, t := range r.To {
				for _, is4 := range []bool{true, false} {
					src, dst := []netipx.IPRange(nil), []netipx.IPRange(nil)
					if !f.IsFirewall() && !t.IsFirewall() {
						src, dst = g.ranges(f, t, is4), g.ranges(t, f, is4)
					}
					if r.Action == policy.Allow && len(src) > 0 && len(dst) > 0 {
						g.wrongState(r, entry(f), src, dst, flags)
					}
				}
			}
		}
	}
}

func (g *generator) wrongState(r *policy.Rule, in string, src, dst []netipx.IPRange, flags []policy.TCPFlags) {
	is4 := src[0].From().Is4()
	name := "rule " + r.Name + ", out of state"
	for _, m := range matches(r) {
		p := instance(m, is4)
		p.In = in
		if p.Proto != policy.TCP {
			continue
		}
		for _, fl := range flags {
			p.Src, p.Dst, p.Flags = g.inside(src), g.inside(dst), fl
			g.add(name, p)
		}
		p.Flags, p.NoFlags = 0, true
		g.add(name, p)
		break
	}
	types := []uint8{0, 3, 4, 5, 11, 12}
	if !is4 {
		types = []uint8{1, 2, 3, 4, 129, 133, 134, 135, 136, 137}
	}
	for _, t := range types {
		g.add(name, policy.Packet{In: in, Src: g.inside(src), Dst: g.inside(dst), Proto: icmpOf(src[0].From()), ICMPType: t})
	}
	if !is4 {
		g.add(name, policy.Packet{In: in, Src: g.inside(src), Dst: g.inside(dst), Proto: policy.ICMPv6, ICMPType: 135, HopLimit: 255})
	}
}

// nat probes around every translated address from every zone.
func (g *generator) nat() {
	for _, n := range g.site.NAT {
		for _, at := range slices.Concat(n.At, n.As) {
			for _, z := range g.site.Zones {
				src := family(g.site.Set(z).Ranges(), at.Is4())
				if len(src) == 0 {
					continue
				}
				for _, dst := range []netip.Addr{at, at.Prev(), at.Next()} {
					for _, p := range g.natPackets(n, at.Is4()) {
						p.In, p.Src, p.Dst = z.Interface.Name, g.inside(src), dst
						g.add("around NAT "+n.Name, p)
					}
				}
			}
		}
		g.published(n)
	}
}

func (g *generator) natPackets(n *policy.NAT, is4 bool) []policy.Packet {
	out := []policy.Packet{{Proto: policy.TCP, DstPort: 443}, {Proto: policy.UDP, DstPort: 5060}, {Proto: policy.ICMP, ICMPType: 8}}
	if n.Service != nil {
		for _, m := range n.Service.Matches {
			out = append(out, variants(m, instance(m, is4))...)
			out = append(out, instance(m, is4))
		}
	}
	if n.Port != 0 {
		out = append(out, policy.Packet{Proto: n.Service.Matches[0].Proto, DstPort: n.Port})
	}
	return out
}

// published sends to the public address from whoever a rule lets reach the host.
func (g *generator) published(n *policy.NAT) {
	if n.Host == nil {
		return
	}
	for _, r := range g.site.Rules {
		for _, f := range r.From {
			if f.IsFirewall() {
				continue
			}
			for _, t := range r.To {
				if t.Zone != n.Host.Zone {
					continue
				}
				for _, at := range n.At {
					if src := g.ranges(f, t, at.Is4()); len(src) > 0 {
						for _, p := range g.natPackets(n, at.Is4()) {
							p.In, p.Src, p.Dst = f.Zone.Interface.Name, g.inside(src), at
							g.add("NAT "+n.Name+" for rule "+r.Name, p)
						}
					}
				}
			}
		}
	}
}
