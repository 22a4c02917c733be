package site

import (
	"fmt"
	"net/netip"
	"strings"

	"glacis/internal/diag"
	"glacis/internal/policy"

	"go4.org/netipx"
)

func (l *loader) hosts() {
	for _, e := range l.ordered("hosts") {
		h := &policy.Host{Range: e.key.at()}
		name, named := l.claim(e.key, "a host", namedThing{host: h})
		m, ok := l.mapping(e.value, hostShape)
		if !named || !ok {
			continue
		}
		h.Name = name
		zone, _ := m.get("zone")
		h.Zone = l.zone(zone)
		address, _ := m.get("address")
		h.Addresses = l.addrs(address, false)
		if v, given := m.get("listens"); given {
			h.Listens = l.services.list(v)
			for _, s := range h.Listens {
				l.checkListens(h, s, v)
			}
		}
		l.site.Hosts = append(l.site.Hosts, h)
	}
}

func (l *loader) checkListens(h *policy.Host, s *policy.Service, v value) {
	for _, m := range s.Matches {
		if m.Any {
			l.diags.Errorf(v.at(), "listens-any", "host %s cannot listen on any service", h.Name).Fix = "name what it is meant to serve: anything else it listens on is a finding"
		}
	}
}

// checkHosts: a host lives in its zone, and an address has one host.
func (l *loader) checkHosts() {
	owner := map[netip.Addr]*policy.Host{}
	for _, h := range l.site.Hosts {
		for _, a := range h.Addresses {
			if first := owner[a]; first != nil {
				l.diags.Errorf(h.Range, "address-twice", "%s is the address of host %s already", a, first.Name).Related = []diag.Related{{Message: "first here", Range: first.Range}}
				continue
			}
			owner[a] = h
			if h.Zone == nil || l.site.ZoneOf(a) == h.Zone {
				continue
			}
			d := l.diags.Errorf(h.Range, "host-outside-zone", "%s of host %s is not in zone %s", a, h.Name, h.Zone.Name)
			switch z := l.site.ZoneOf(a); {
			case z != nil:
				d.Fix = "it lies in zone " + z.Name
			case l.site.Own().Contains(a):
				d.Fix = "it is an address of the firewall itself"
			default:
				d.Fix = "it lies in no zone: add its network, or correct the address"
			}
		}
	}
}

// group is a named list whose members are resolved on first use: networks mean
// something only once every zone is known.
type group struct {
	name    string
	at      diag.Range
	members []value
	ends    []policy.Endpoint
	done    bool
	busy    bool
}

func (l *loader) groupNames() {
	for _, e := range l.ordered("groups") {
		g := &group{at: e.key.at()}
		name, ok := l.claim(e.key, "a group", namedThing{group: g})
		if !ok {
			continue
		}
		g.name = name
		l.groups[name] = g
		if len(e.value.items()) == 0 {
			l.diags.Errorf(e.key.at(), "empty-group", "group %s has no members", name).Fix = "add a member, or remove the group: a rule on it could match nothing"
			continue
		}
		if l.scalars(e.value, name) {
			g.members = e.value.items()
		}
	}
}

// checkGroups resolves every group, used or not.
func (l *loader) checkGroups() {
	for _, e := range l.ordered("groups") {
		if g := l.groups[e.key.Value]; g != nil {
			l.groupEnds(g, e.key)
		}
	}
}

func (l *loader) groupEnds(g *group, use value) []policy.Endpoint {
	if g.done {
		return g.ends
	}
	if g.busy {
		l.diags.Errorf(use.at(), "group-cycle", "group %q contains itself", g.name).Related = []diag.Related{{Message: "defined here", Range: g.at}}
		return nil
	}
	g.busy = true
	for _, m := range g.members {
		if m.Value == "firewall" {
			l.diags.Errorf(m.at(), "group-firewall", "the firewall itself cannot be in a group").Fix = "name firewall in the rule"
			continue
		}
		g.ends = append(g.ends, l.end(m)...)
	}
	g.busy, g.done = false, true
	return g.ends
}

// ends resolves a list of names, networks and addresses to one endpoint for
// each zone they touch.
func (l *loader) ends(v value) []policy.Endpoint {
	var out []policy.Endpoint
	for _, item := range v.items() {
		for _, e := range l.end(item) {
			e.Text, e.Range = item.Value, item.at()
			out = append(out, e)
		}
	}
	return out
}

func (l *loader) end(v value) []policy.Endpoint {
	switch v.Value {
	case "firewall":
		return []policy.Endpoint{{Text: v.Value}}
	case "any":
		var out []policy.Endpoint
		for _, z := range l.site.Zones {
			out = append(out, policy.Endpoint{Zone: z, Text: v.Value})
		}
		return out
	}
	if t, known := l.names[v.Value]; known {
		switch {
		case t.zone != nil:
			return []policy.Endpoint{{Zone: t.zone, Text: v.Value}}
		case t.host != nil:
			if t.host.Zone == nil || len(t.host.Addresses) == 0 {
				return nil // reported where it is defined
			}
			return []policy.Endpoint{policy.HostEndpoint(t.host)}
		}
		return l.groupEnds(t.group, v)
	}
	return l.literal(v)
}

// literal resolves an address, network or range to its parts in each zone.
func (l *loader) literal(v value) []policy.Endpoint {
	set, err := addresses(v.Value)
	if err != nil {
		if strings.ContainsAny(v.Value, "/:.") {
			l.diags.Errorf(v.at(), "bad-network", "%q is not an address, network or range", v.Value).Fix = "such as 192.0.2.10, 192.0.2.0/24, 192.0.2.1-192.0.2.9 or \"2001:db8::/64\""
			return nil
		}
		l.unknown(v.at(), "unknown-name", fmt.Sprintf("there is no zone, host or group %q", v.Value), v.Value, l.knownNames())
		return nil
	}
	parts, rest := l.site.Split(set)
	if len(parts) == 0 {
		l.diags.Errorf(v.at(), "nobodys-address", "%s is in no zone", v.Value).Fix = "add the network to a zone, or correct it"
		return nil
	}
	if left := l.nobodys(rest); len(left.Ranges()) > 0 {
		l.diags.Warnf(v.at(), "partly-nobodys", "%s of %s is in no zone", left.Ranges()[0], v.Value).Fix = "name only what is in a zone, or add the rest to one"
	}
	var out []policy.Endpoint
	for _, p := range parts {
		e := policy.Endpoint{Zone: p.Zone, Addrs: p.Addrs, Text: v.Value, Range: v.at()}
		if p.Whole {
			e.Addrs = nil
		}
		out = append(out, e)
	}
	return out
}

// nobodys leaves out of a set what is the firewall's own, a subnet's broadcast
// or transit: a network written whole holds these.
func (l *loader) nobodys(set *netipx.IPSet) *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddSet(set)
	b.RemoveSet(l.site.Own())
	for _, i := range l.site.Firewall.Interfaces {
		for _, p := range i.Addresses {
			b.RemovePrefix(p.Masked())
		}
	}
	left, err := b.IPSet()
	if err != nil {
		return set
	}
	return left
}
