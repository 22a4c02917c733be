package site

import (
	"fmt"
	"net/netip"
	"slices"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

func (l *loader) hosts() {
	for _, e := range l.ordered("hosts") {
		h := &policy.Host{Range: e.key.at()}
		name, named := l.claim(e.key, namedThing{host: h})
		m, _ := l.mapping(e.value, hostShape)
		if !named {
			continue
		}
		h.Name = name
		if zone, given := m.get("zone"); given {
			h.Zone = l.zone(zone)
		}
		l.hostAddresses(h, m.list("address"))
		if v, given := m.get("listens"); given {
			h.Listens = l.services.list(v.items())
			for _, s := range h.Listens {
				l.checkListens(h, s, v)
			}
		}
		l.site.Hosts = append(l.site.Hosts, h)
	}
}

// host resolves the name of a host.
func (l *loader) host(v value) *policy.Host {
	if t, known := l.names[v.Value]; known && t.host != nil {
		return t.host
	}
	var hosts []string
	for _, h := range l.site.Hosts {
		hosts = append(hosts, h.Name)
	}
	l.unknown(v.at(), "unknown-host", fmt.Sprintf("there is no host %q", v.Value), v.Value, hosts)
	return nil
}

func (l *loader) checkListens(h *policy.Host, s *policy.Service, v value) {
	for _, m := range s.Matches {
		if m.Any {
			l.diags.Errorf(v.at(), "listens-any", "host %s cannot listen on any service", h.Name).Fix = "name what it is meant to serve: anything else it listens on is a finding"
		}
	}
}

// hostAddresses enters a host as the owner of its addresses.
func (l *loader) hostAddresses(h *policy.Host, items []value) {
	h.Addresses = l.addrs(items, false)
	for _, a := range h.Addresses {
		if first := l.addressed[a]; first != nil {
			d := l.diags.Errorf(placeOf(a, items), "address-twice", "%s is the address of host %s already", a, first.Name)
			d.Related = []diag.Related{{Message: "first here", Range: first.Range}}
			d.Fix = "give each host an address of its own, or make them one host"
			continue
		}
		l.addressed[a] = h
	}
}

// checkHosts: a host lives in its zone.
func (l *loader) checkHosts() {
	if !l.ownersKnown {
		return
	}
	for _, h := range l.site.Hosts {
		for _, a := range h.Addresses {
			switch {
			case h.Zone == nil || l.addressed[a] != h: // reported
			case l.isSubnetEdge(a):
				l.diags.Errorf(h.Range, "not-a-host", "%s of host %s is the first or last address of its subnet", a, h.Name).Fix = "give the host one of the addresses between"
			case l.site.ZoneOf(a) != h.Zone:
				l.diags.Errorf(h.Range, "host-outside-zone", "%s of host %s is not in zone %s", a, h.Name, h.Zone.Name).Fix = l.whereabouts(a, h.Zone)
			}
		}
	}
}

func (l *loader) isSubnetEdge(a netip.Addr) bool {
	return slices.ContainsFunc(l.site.Firewall.Interfaces, func(i *policy.Interface) bool {
		return slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return isEdge(a, p) })
	})
}

// whereabouts says where an address lies that was looked for in zone z.
func (l *loader) whereabouts(a netip.Addr, z *policy.Zone) string {
	switch owner := l.site.ZoneOf(a); {
	case owner != nil:
		return fmt.Sprintf("it lies in zone %s: correct the address or the zone", owner.Name)
	case l.site.Own().Contains(a):
		return "it is an address of the firewall itself: give the host another"
	case z.Role == policy.Internet:
		return "it is never an address on the Internet: correct it"
	}
	return fmt.Sprintf("it lies in no zone: correct it, or add its network to zone %s", z.Name)
}
