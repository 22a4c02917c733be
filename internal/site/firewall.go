package site

import (
	"net/netip"
	"slices"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

func (l *loader) firewall() {
	fw := l.site.Firewall
	v, given := l.single("firewall")
	if !given {
		l.diags.Errorf(l.site.Range, "missing-key", "the site has no firewall").Fix = "declare it under firewall: with its nodes and interfaces"
		return
	}
	fw.Range = v.at()
	m, ok := l.mapping(v, firewallShape)
	if name, given := m.get("name"); given {
		fw.Name, _ = l.name(name, "the firewall", maxName)
	}
	if !ok {
		return
	}
	l.nodes(m)
	l.interfaces(m)
	l.gateway(m)
	l.failover(m)
	l.checkNodes()
	l.checkZones()
}

func (l *loader) nodes(m mapping) {
	v, _ := m.get("nodes")
	for _, e := range v.entries() {
		n := &policy.Node{Range: e.key.at()}
		name, ok := l.name(e.key, "a node", maxName)
		if !ok {
			continue
		}
		if l.site.Node(name) != nil {
			l.diags.Errorf(e.key.at(), "duplicate-name", "node %q is defined twice", name).Related = []diag.Related{{Message: "first here", Range: l.site.Node(name).Range}}
			continue
		}
		n.Name = name
		l.site.Firewall.Nodes = append(l.site.Firewall.Nodes, n)
		if e.value.isNull() {
			continue // a node with nothing of its own
		}
		if nm, ok := l.mapping(e.value, nodeShape); ok {
			if a, given := nm.get("management"); given {
				n.Management, _ = l.addr(a)
			}
		}
	}
}

func (l *loader) interfaces(m mapping) {
	v, _ := m.get("interfaces")
	for _, e := range v.entries() {
		i := &policy.Interface{Range: e.key.at()}
		name, ok := l.name(e.key, "an interface", maxName)
		if !ok {
			continue
		}
		if first := l.site.Interface(name); first != nil {
			l.diags.Errorf(e.key.at(), "duplicate-name", "interface %q is defined twice", name).Related = []diag.Related{{Message: "first here", Range: first.Range}}
			continue
		}
		i.Name = name
		im, ok := l.mapping(e.value, interfaceShape)
		if !ok {
			continue
		}
		i.VLAN = l.vlan(im)
		device, _ := im.get("device")
		i.Device = l.device(device, i.VLAN)
		l.interfaceAddresses(i, im)
		l.interfaceZones(i, im)
		if _, given := im.get("dhcp"); given {
			i.DHCP = true
		}
		l.checkLink(i.Link(), device.at())
		l.site.Firewall.Interfaces = append(l.site.Firewall.Interfaces, i)
	}
}

// checkLink refuses two interfaces on one link.
func (l *loader) checkLink(link string, at diag.Range) {
	for _, other := range l.site.Firewall.Interfaces {
		if other.Link() == link {
			l.diags.Errorf(at, "link-twice", "%s is used by interface %s already", link, other.Name).Related = []diag.Related{{Message: "first here", Range: other.Range}}
		}
	}
}

func (l *loader) interfaceAddresses(i *policy.Interface, m mapping) {
	v, _ := m.get("address")
	for _, item := range v.items() {
		p, ok := l.prefix(item, true)
		if !ok || !l.hostAddress(p, item) {
			continue
		}
		for _, other := range append(slices.Clone(l.site.Firewall.Interfaces), i) {
			for _, q := range other.Addresses {
				if p.Overlaps(q) {
					l.diags.Errorf(item.at(), "subnets-overlap", "the subnet of %s overlaps that of interface %s", p, other.Name).Related = []diag.Related{{Message: q.String(), Range: other.Range}}
				}
			}
		}
		i.Addresses = append(i.Addresses, p)
	}
	via, given := m.get("via")
	if !given {
		return
	}
	i.Via = l.addrs(via, true)
	for _, a := range i.Via {
		l.checkNextHop(a, []*policy.Interface{i}, via.at())
	}
}

// hostAddress refuses the network and broadcast address of a subnet.
func (l *loader) hostAddress(p netip.Prefix, v value) bool {
	bits := p.Addr().BitLen() - p.Bits()
	if bits >= 2 && (p.Addr() == p.Masked().Addr() || p.Addr().Is4() && !p.Masked().Contains(p.Addr().Next())) {
		l.diags.Errorf(v.at(), "not-a-host", "%s is the first or last address of its subnet", p).Fix = "give the firewall one of the addresses between"
		return false
	}
	if p.Addr().IsMulticast() || p.Addr().IsLoopback() || p.Addr().IsUnspecified() || p.Addr().IsLinkLocalUnicast() {
		l.diags.Errorf(v.at(), "not-a-host", "%s cannot be the address of an interface", p.Addr()).Fix = "give a unicast address that others can reach"
		return false
	}
	return true
}

// checkNextHop: a next hop must be a neighbour on one of the interfaces.
func (l *loader) checkNextHop(a netip.Addr, on []*policy.Interface, at diag.Range) {
	for _, i := range on {
		for _, p := range i.Addresses {
			if p.Masked().Contains(a) && p.Addr() != a {
				return
			}
		}
	}
	l.diags.Errorf(at, "next-hop", "%s is not a neighbour of the firewall there", a).Fix = "a next hop lies in the interface's own subnet and is not the firewall's address"
}

func (l *loader) interfaceZones(i *policy.Interface, m mapping) {
	v, _ := m.get("zones")
	for _, item := range v.items() {
		z := l.zone(item)
		if z == nil {
			continue
		}
		if z.Interface != nil {
			l.diags.Errorf(item.at(), "zone-twice", "zone %s is behind interface %s already", z.Name, z.Interface.Name).Fix = "a zone lives behind one interface: split it into two zones"
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
	l.unknown(v.at(), "unknown-zone", "there is no zone \""+v.Value+"\"", v.Value, known)
	return nil
}

func (l *loader) gateway(m mapping) {
	v, given := m.get("gateway")
	internet := l.site.InternetZone()
	switch {
	case given && (internet == nil || internet.Interface == nil):
		l.diags.Errorf(v.at(), "gateway-without-internet", "a gateway leads to the Internet, and no interface carries a zone with role internet").Fix = "declare the zone, or use via on the interface"
	case given:
		l.site.Firewall.Gateways = l.addrs(v, true)
		for _, a := range l.site.Firewall.Gateways {
			l.checkNextHop(a, []*policy.Interface{internet.Interface}, v.at())
		}
	case internet != nil:
		l.diags.Errorf(internet.Range, "no-gateway", "there is no way to zone %s", internet.Name).Fix = "give firewall: a gateway: the next hop towards the Internet"
	}
}

func (l *loader) failover(m mapping) {
	v, given := m.get("failover")
	if !given {
		return
	}
	fm, ok := l.mapping(v, failoverShape)
	if !ok {
		return
	}
	f := &policy.Failover{VLAN: l.vlan(fm), Detect: 300 * time.Millisecond, Range: v.at()}
	device, _ := fm.get("device")
	f.Device = l.device(device, f.VLAN)
	l.checkLink(f.Link(), device.at())
	address, _ := fm.get("address")
	for _, item := range address.items() {
		if p, ok := l.prefix(item, true); ok && l.hostAddress(p, item) {
			f.Addresses = append(f.Addresses, p)
		}
	}
	if len(f.Addresses) != 2 || f.Addresses[0].Masked() != f.Addresses[1].Masked() || f.Addresses[0] == f.Addresses[1] {
		l.diags.Errorf(address.at(), "failover-addresses", "the failover link wants two addresses of one subnet, one a node").Fix = "such as [10.255.255.1/30, 10.255.255.2/30]"
		return
	}
	for _, i := range l.site.Firewall.Interfaces {
		for _, q := range i.Addresses {
			if q.Overlaps(f.Addresses[0]) {
				l.diags.Errorf(address.at(), "subnets-overlap", "the failover subnet overlaps that of interface %s", i.Name)
			}
		}
	}
	if d, given := fm.get("detect"); given {
		f.Detect, _ = l.duration(d, 50*time.Millisecond, time.Minute)
	}
	if p, given := fm.get("preempt"); given {
		f.Preempt = p.Value == "true"
	}
	l.site.Firewall.Failover = f
}

func (l *loader) checkNodes() {
	fw := l.site.Firewall
	switch {
	case len(fw.Nodes) == 0:
		l.diags.Errorf(fw.Range, "no-nodes", "the firewall has no node").Fix = "add one or two under nodes:"
	case len(fw.Nodes) > 2:
		l.diags.Errorf(fw.Nodes[2].Range, "too-many-nodes", "a firewall is one node or two").Fix = "remove the others"
	case len(fw.Nodes) == 2 && fw.Failover == nil && !l.diags.HasErrors():
		l.diags.Errorf(fw.Nodes[1].Range, "no-failover", "two nodes need a failover link").Fix = "add failover: with device and two addresses"
	case len(fw.Nodes) == 1 && fw.Failover != nil:
		l.diags.Errorf(fw.Failover.Range, "failover-alone", "one node has nobody to fail over to").Fix = "declare the second node, or remove failover"
	}
	for _, n := range fw.Nodes {
		l.checkNode(n)
	}
}

// checkNode: a node's own address lies in the subnet of an interface and is
// nobody else's. A pair needs one a node, to be reached while it is standby.
func (l *loader) checkNode(n *policy.Node) {
	fw := l.site.Firewall
	if !n.Management.IsValid() {
		if len(fw.Nodes) == 2 {
			l.diags.Errorf(n.Range, "node-without-address", "node %s has no address of its own", n.Name).Fix = "add management: an address in one of the interfaces' subnets"
		}
		return
	}
	inside := false
	for _, i := range fw.Interfaces {
		for _, p := range i.Addresses {
			inside = inside || p.Masked().Contains(n.Management)
			if p.Addr() == n.Management && len(fw.Nodes) == 2 {
				l.diags.Errorf(n.Range, "node-address", "%s is the address of interface %s, which moves between the nodes", n.Management, i.Name).Fix = "give each node an address that stays"
			}
		}
	}
	if !inside {
		l.diags.Errorf(n.Range, "node-address", "%s is in no subnet of the firewall", n.Management).Fix = "use an address in one of the interfaces' subnets"
	}
	for _, other := range fw.Nodes {
		if other != n && other.Management == n.Management && n.Name > other.Name {
			l.diags.Errorf(n.Range, "node-address", "nodes %s and %s have the same address", other.Name, n.Name)
		}
	}
}

// checkZones: every zone is behind an interface and the firewall has a way to
// each of its networks.
func (l *loader) checkZones() {
	for _, z := range l.site.Zones {
		if z.Interface == nil {
			l.diags.Errorf(z.Range, "zone-without-interface", "no interface carries zone %s", z.Name).Fix = "add it to the zones: of the interface it lives behind"
			continue
		}
		for _, n := range z.Networks {
			l.checkReachable(z, n)
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
	l.diags.Errorf(z.Range, "no-way", "the firewall has no way to %s of zone %s behind interface %s", n, z.Name, i.Name).
		Fix = "give the interface an address in that network, or via: the next hop of that family"
}

func (l *loader) management() {
	fw := l.site.Firewall
	v, given := l.single("firewall")
	if !given {
		return
	}
	var e entry
	for _, x := range v.entries() {
		if x.key.Value == "management" {
			e = x
		}
	}
	if e.value.Node == nil {
		l.diags.Warnf(fw.Range, "no-management", "no station may reach the firewall itself: it can be changed only at its console").Fix = "add management: with stations"
		return
	}
	m, ok := l.mapping(e.value, managementShape)
	if !ok {
		return
	}
	stations, _ := m.get("stations")
	for _, item := range stations.items() {
		l.station(item)
	}
	if s, given := m.get("services"); given {
		fw.Services = l.services.list(s)
	} else {
		fw.Services = []*policy.Service{Builtins()["ssh"]}
	}
	for _, s := range fw.Services {
		for _, mt := range s.Matches {
			if mt.Any {
				l.diags.Errorf(e.value.at(), "management-any", "management may not be any service").Fix = "name the services, such as ssh"
			}
		}
	}
}

func (l *loader) station(v value) {
	t, known := l.names[v.Value]
	if !known || t.host == nil {
		var hosts []string
		for _, h := range l.site.Hosts {
			hosts = append(hosts, h.Name)
		}
		l.unknown(v.at(), "unknown-host", "there is no host \""+v.Value+"\"", v.Value, hosts)
		return
	}
	if z := t.host.Zone; z != nil && z.Role != policy.Management {
		l.diags.Errorf(v.at(), "station-zone", "station %s is in zone %s, whose role is %s", v.Value, z.Name, z.Role).Fix = "management stations live in a zone with role management"
		return
	}
	l.site.Firewall.Stations = append(l.site.Firewall.Stations, t.host)
}
