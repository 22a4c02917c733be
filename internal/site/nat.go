package site

import (
	"net/netip"
	"slices"
	"strings"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

// natEntry is a NAT entry between its two readings: addresses first, because
// they are the firewall's own and settle who owns what; names afterwards.
type natEntry struct {
	mapping
	nat *policy.NAT
}

var natKinds = []policy.NATKind{policy.Masquerade, policy.Publish, policy.Map, policy.Exempt}

func (l *loader) natAddresses() []natEntry {
	var out []natEntry
	seen := map[string]diag.Range{}
	for _, v := range l.items("nat") {
		m, ok := l.mapping(v, natShape)
		n := &policy.NAT{Range: v.at()}
		if name, given := m.get("name"); given {
			n.Name, n.Range = l.uniqueName(name, "NAT entry", seen), name.at()
		}
		for _, k := range natKinds {
			if m.sound(k.String()) {
				n.Kind = k
			}
		}
		n.As, n.At = l.natAddress(m, "as"), l.natAddress(m, "at")
		if ok && n.Name != "" {
			l.site.NAT = append(l.site.NAT, n)
			out = append(out, natEntry{m, n})
		}
	}
	return out
}

// natAddress reads what NAT shows: addresses of the firewall's, not a node's own
// and no host's.
func (l *loader) natAddress(m mapping, key string) []netip.Addr {
	var out []netip.Addr
	for _, a := range l.addrs(m.list(key), true) {
		before, at := len(l.diags.List), placeOf(a, m.list(key))
		for _, n := range l.site.Firewall.Nodes {
			if n.Management == a {
				l.diags.Errorf(at, "nat-address", "%s is node %s's own address", a, n.Name).Fix = "use one of the interface's addresses or another public one"
			}
		}
		if h := l.addressed[a]; h != nil {
			l.diags.Errorf(at, "nat-address", "%s is the address of host %s", a, h.Name).Fix = "use an address that no host has"
		}
		if !unicast(a) {
			l.diags.Errorf(at, "nat-address", "%s cannot be translated to", a).Fix = "use a unicast address"
		}
		if len(l.diags.List) == before {
			out = append(out, a)
		}
	}
	return out
}

func (l *loader) nat(entries []natEntry) {
	for _, e := range entries {
		switch n := e.nat; n.Kind {
		case policy.Masquerade:
			who, _ := e.get("masquerade")
			n.From = l.withoutFirewall(l.ends(who.items()), who)
			n.Out = l.natZone(e)
			l.natFiltered(n)
		case policy.Map:
			host, _ := e.get("map")
			n.Host = l.host(host)
			n.Out = l.natZone(e)
			l.natFamilies(e)
		case policy.Publish:
			l.publish(e)
			l.natFamilies(e)
		case policy.Exempt:
			zones, _ := e.get("exempt")
			for _, item := range zones.items() {
				if z := l.zone(item); z != nil {
					n.From = append(n.From, policy.Endpoint{Zone: z, Text: z.Name, Range: item.at()})
				}
			}
		}
	}
	l.natConflicts()
}

func (l *loader) withoutFirewall(ends []policy.Endpoint, v value) []policy.Endpoint {
	for _, e := range ends {
		if e.IsFirewall() {
			l.diags.Errorf(v.at(), "nat-firewall", "the firewall's own packets are not translated").Fix = "remove firewall from the list"
			return nil
		}
	}
	return ends
}

func (l *loader) natZone(e natEntry) *policy.Zone {
	v, _ := e.get("to")
	return l.zone(v)
}

// natFiltered: what never passes the firewall is not translated by it.
func (l *loader) natFiltered(n *policy.NAT) {
	if n.Out == nil || len(n.From) == 0 || slices.ContainsFunc(n.From, func(e policy.Endpoint) bool { return e.Zone.Interface != n.Out.Interface }) {
		return
	}
	l.diags.Errorf(n.Range, "nat-unfiltered", "%s translates nothing: no firewall is between %s and %s", n.Name, strings.Join(written(n.From), ", "), n.Out.Name).
		Fix = "name zones behind other interfaces than that of " + n.Out.Name + ", or remove the entry"
}

func (l *loader) publish(e natEntry) {
	n := e.nat
	services, _ := e.get("publish")
	n.Service = &policy.Service{Name: strings.Join(words(services.items()), ", "), Range: services.at(), Matches: l.services.matches(services.items())}
	for _, m := range n.Service.Matches {
		if m.Any || !policy.HasPorts(m.Proto) || m.Ports.IsAny() {
			l.diags.Errorf(services.at(), "publish-service", "only services with ports can be published, not %s", m).Fix = "name ports, or map the whole host with map"
			break
		}
	}
	to, _ := e.get("to")
	n.Host = l.host(to)
	if from, given := e.get("from"); given {
		n.From = l.withoutFirewall(l.ends(from.items()), from)
	}
	port, given := e.get("port")
	if !given {
		return
	}
	n.Port = uint16(e.number("port"))
	for _, m := range n.Service.Matches {
		if m.Ports.First != m.Ports.Last || m.Proto != n.Service.Matches[0].Proto || m.Ports != n.Service.Matches[0].Ports {
			l.diags.Errorf(port.at(), "publish-port", "several ports cannot all be moved to %d", n.Port).Fix = "publish one port, or leave port out"
			return
		}
	}
}

// natFamilies: a public address needs a real one of its family, exactly one.
func (l *loader) natFamilies(e natEntry) {
	n := e.nat
	if n.Host == nil {
		return
	}
	for _, a := range n.At {
		same := 0
		for _, h := range n.Host.Addresses {
			if h.Is4() == a.Is4() {
				same++
			}
		}
		if same != 1 {
			l.diags.Errorf(n.Range, "nat-family", "host %s has %d addresses of the family of %s, and exactly one is wanted", n.Host.Name, same, a).Fix = "use an address of a family in which the host has one address, or split the host"
		}
	}
}
