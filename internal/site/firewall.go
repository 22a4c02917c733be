package site

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"glacis/internal/diag"
	"glacis/internal/policy"

	"go4.org/netipx"
)

func (l *loader) firewall() {
	fw := l.site.Firewall
	v, given := l.single("firewall")
	if !given {
		l.diags.Errorf(l.site.Range, "missing-key", "the site has no firewall").Fix = "declare it under firewall: with its nodes and interfaces"
		return
	}
	fw.Range = v.at()
	m, _ := l.mapping(v, firewallShape)
	l.firewallKeys = m
	fw.Name = m.word("name")
	l.nodes(m)
	l.interfaces(m)
	l.gateway(m)
	l.failover(m)
	l.checkNodes(m)
	l.checkZones(m)
}

func (l *loader) interfaces(m mapping) {
	for _, e := range m.names("interfaces") {
		name, ok := l.name(e.key, maxName)
		if first := l.site.Interface(name); ok && first != nil {
			l.twice(e.key, "duplicate-name", first.Range, "interface %q is defined twice", name)
			ok = false
		}
		im, _ := l.mapping(e.value, interfaceShape)
		i := &policy.Interface{Name: name, VLAN: im.number("vlan"), DHCP: im.has("dhcp"), Range: e.key.at()}
		if device, given := im.get("device"); given {
			i.Device = l.device(device, i.VLAN)
			l.checkLink(i.Link(), device.at())
		}
		l.unsure[i] = !im.sound("address")
		l.interfaceAddresses(i, im)
		l.interfaceZones(i, im)
		l.checkDHCP(i, im)
		if ok {
			l.site.Firewall.Interfaces = append(l.site.Firewall.Interfaces, i)
		}
	}
}

// checkDHCP: what is served is IPv4 addresses of the interface's own subnet.
func (l *loader) checkDHCP(i *policy.Interface, m mapping) {
	v, given := m.get("dhcp")
	has4 := slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() })
	if given && !has4 && !l.unsure[i] {
		l.diags.Errorf(v.at(), "dhcp-without-ipv4", "interface %s serves DHCP and has no IPv4 address", i.Name).Fix = "give it an IPv4 address in the subnet it serves, or remove dhcp"
	}
}

// checkLink refuses two interfaces on one link.
func (l *loader) checkLink(link string, at diag.Range) {
	for _, other := range l.site.Firewall.Interfaces {
		if other.Link() == link {
			d := l.diags.Errorf(at, "link-twice", "%s is used by interface %s already", link, other.Name)
			d.Related = []diag.Related{{Message: "first here", Range: other.Range}}
			d.Fix = "give each interface a device or a VLAN tag of its own, or put both zones on one interface"
		}
	}
}

func (l *loader) interfaceAddresses(i *policy.Interface, m mapping) {
	for _, item := range m.list("address") {
		p, ok := l.subnet(item)
		if !ok || !l.hostAddress(p, item) {
			l.unsure[i] = true
			continue
		}
		for _, other := range append(slices.Clone(l.site.Firewall.Interfaces), i) {
			for _, q := range other.Addresses {
				if p.Overlaps(q) {
					d := l.diags.Errorf(item.at(), "subnets-overlap", "the subnet of %s overlaps %s of interface %s", p, q, other.Name)
					d.Related = []diag.Related{{Message: "interface " + other.Name, Range: other.Range}}
					d.Fix = "no address may be behind two interfaces: correct an address or its length"
				}
			}
		}
		i.Addresses = append(i.Addresses, p)
	}
	i.Via = l.addrs(m.list("via"), true)
	for _, a := range i.Via {
		l.checkNextHop(a, i, placeOf(a, m.list("via")))
	}
}

// hostAddress refuses the network and broadcast address of a subnet.
func (l *loader) hostAddress(p netip.Prefix, v value) bool {
	a := p.Addr()
	switch {
	case isEdge(a, p):
		l.diags.Errorf(v.at(), "not-a-host", "%s is the first or last address of its subnet", p).Fix = "give the firewall one of the addresses between"
	case !unicast(a):
		l.diags.Errorf(v.at(), "not-a-host", "%s cannot be the address of an interface", a).Fix = "give a unicast address that others can reach"
	default:
		return true
	}
	return false
}

// isEdge reports whether an address is one that no machine of the subnet may
// have: the first, which names the network, and IPv4's last, the broadcast
// (RFC 3021: /31 has neither; RFC 4291, 2.6.1: the first of IPv6 is anycast).
func isEdge(a netip.Addr, p netip.Prefix) bool {
	if !p.Contains(a) || p.Addr().BitLen()-p.Bits() < 2 {
		return false
	}
	return a == p.Masked().Addr() || a.Is4() && a == netipx.PrefixLastIP(p.Masked())
}

func unicast(a netip.Addr) bool {
	return !a.IsMulticast() && !a.IsLoopback() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// checkNextHop: a next hop must be a neighbour on the interface.
func (l *loader) checkNextHop(a netip.Addr, i *policy.Interface, at diag.Range) {
	if l.unsure[i] {
		return
	}
	var subnets []string
	for _, p := range i.Addresses {
		if p.Contains(a) && p.Addr() != a && !isEdge(a, p) {
			return
		}
		if p.Addr().Is4() == a.Is4() {
			subnets = append(subnets, p.Masked().String())
		}
	}
	d := l.diags.Errorf(at, "next-hop", "%s is not a neighbour of the firewall on interface %s", a, i.Name)
	d.Fix = "give the interface an address in the next hop's subnet"
	if len(subnets) > 0 {
		d.Fix = "name a router inside " + strings.Join(subnets, " or ") + " that is not the firewall itself"
	}
}

func (l *loader) interfaceZones(i *policy.Interface, m mapping) {
	for _, item := range m.list("zones") {
		z := l.zone(item)
		if z == nil {
			continue
		}
		if z.Interface != nil {
			d := l.diags.Errorf(item.at(), "zone-twice", "zone %s is behind interface %s already", z.Name, z.Interface.Name)
			d.Related = []diag.Related{{Message: "interface " + z.Interface.Name, Range: z.Interface.Range}}
			d.Fix = "a zone lives behind one interface: remove it here, or split it into two zones"
			continue
		}
		z.Interface = i
		i.Zones = append(i.Zones, z)
	}
}

// zone resolves the name of a zone.
func (l *loader) zone(v value) *policy.Zone {
	if z := l.site.Zone(v.Value); z != nil {
		return z
	}
	var known []string
	for _, z := range l.site.Zones {
		known = append(known, z.Name)
	}
	l.unknown(v.at(), "unknown-zone", fmt.Sprintf("there is no zone %q", v.Value), v.Value, known)
	return nil
}

func (l *loader) gateway(m mapping) {
	v, given := m.get("gateway")
	internet := l.site.InternetZone()
	switch {
	case given && (internet == nil || internet.Interface == nil):
		l.diags.Errorf(v.at(), "gateway-without-internet", "a gateway leads to the Internet, and no interface carries a zone with role internet").Fix = "put that zone on the interface of the uplink; a router to other networks is via: on its interface"
	case given:
		l.site.Firewall.Gateways = l.addrs(v.items(), true)
		for _, a := range l.site.Firewall.Gateways {
			l.checkNextHop(a, internet.Interface, placeOf(a, v.items()))
		}
	case internet != nil && !m.has("gateway"):
		l.diags.Errorf(internet.Range, "no-gateway", "the firewall has no way to zone %s", internet.Name).Fix = "add gateway: under firewall:, the provider's router, which is the next hop to the Internet"
	}
}

// checkZones: every zone is behind an interface and the firewall has a way to
// each of its networks.
func (l *loader) checkZones(m mapping) {
	for _, z := range l.site.Zones {
		if z.Interface == nil && !m.sound("interfaces") {
			continue // what was meant cannot be known
		}
		if z.Interface == nil {
			l.diags.Errorf(z.Range, "zone-without-interface", "no interface carries zone %s", z.Name).Fix = "add it to the zones: of the interface it lives behind"
			continue
		}
		for _, n := range z.Networks {
			l.checkReachable(z, n)
		}
	}
}

// checkSubnets: the kernel sends to an interface's subnet by that interface,
// whatever the zones say, so no zone behind another may live in it.
func (l *loader) checkSubnets() {
	if !l.ownersKnown {
		return
	}
	for _, i := range l.site.Firewall.Interfaces {
		for _, p := range i.Addresses {
			for _, z := range l.site.Zones {
				if z.Interface != i && z.Interface != nil && l.site.Set(z).OverlapsPrefix(p.Masked()) {
					d := l.diags.Errorf(i.Range, "subnet-elsewhere", "the subnet %s of interface %s holds addresses of zone %s, which is behind interface %s", p.Masked(), i.Name, z.Name, z.Interface.Name)
					d.Related = []diag.Related{{Message: "zone " + z.Name, Range: z.Range}}
					d.Fix = "correct the address or its length, or list the subnet under the networks of a zone behind " + i.Name
				}
			}
		}
	}
}

func (l *loader) checkReachable(z *policy.Zone, n netip.Prefix) {
	i := z.Interface
	for _, p := range i.Addresses {
		if p.Masked().Overlaps(n) && p.Bits() <= n.Bits() {
			return // on the subnet
		}
	}
	for _, a := range i.Via {
		if a.Is4() == n.Addr().Is4() {
			return
		}
	}
	if l.unsure[i] {
		return
	}
	l.diags.Errorf(z.Range, "no-way", "the firewall has no way to %s of zone %s behind interface %s", n, z.Name, i.Name).
		Fix = "give the interface an address in that network, or via: the next hop of that family"
}
