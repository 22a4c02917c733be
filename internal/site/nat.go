package site

import (
	"fmt"
	"net/netip"
	"slices"

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

// natKeys are the keys that mean something for each kind, beside name.
var natKeys = map[policy.NATKind][]string{
	policy.Masquerade: {"to", "as"},
	policy.Publish:    {"at", "to", "port", "from"},
	policy.Map:        {"at", "to"},
	policy.Exempt:     {},
}

func (l *loader) natAddresses() []natEntry {
	var out []natEntry
	seen := map[string]diag.Range{}
	for _, v := range l.items("nat") {
		m, ok := l.mapping(v, natShape)
		if !ok {
			continue
		}
		name, _ := m.get("name")
		n := &policy.NAT{Name: l.uniqueName(name, "a NAT entry", seen), Range: name.at()}
		if !l.natKind(n, m) || n.Name == "" {
			continue
		}
		if as, given := m.get("as"); given {
			n.As = l.addrs(as, true)
			l.natAddress(n.As, as)
		}
		if at, given := m.get("at"); given {
			n.At = l.addrs(at, true)
			l.natAddress(n.At, at)
		} else if n.Kind == policy.Publish || n.Kind == policy.Map {
			l.diags.Errorf(m.at(), "missing-key", "%s needs the key \"at\"", n.Kind).Fix = "the public addresses, at most one a family"
			continue
		}
		l.site.NAT = append(l.site.NAT, n)
		out = append(out, natEntry{m, n})
	}
	return out
}

// natKind finds the one kind an entry is of and refuses keys that mean nothing
// for it: a value that is silently ignored is a trap.
func (l *loader) natKind(n *policy.NAT, m mapping) bool {
	var given []string
	for _, k := range natKinds {
		if _, ok := m.get(k.String()); ok {
			given = append(given, k.String())
			n.Kind = k
		}
	}
	if len(given) != 1 {
		l.diags.Errorf(m.at(), "one-nat", "a NAT entry is exactly one of masquerade, publish, map and exempt").Fix = "split it, or add one"
		return false
	}
	ok := true
	for key, e := range m.fields {
		if key == "name" || key == given[0] || slices.Contains(natKeys[n.Kind], key) {
			continue
		}
		l.diags.Errorf(e.key.at(), "nat-key", "%q means nothing for %s", key, n.Kind).Fix = fmt.Sprintf("keys of %s: %v", n.Kind, natKeys[n.Kind])
		ok = false
	}
	return ok
}

// natAddress: what NAT shows is an address of the firewall's, not a node's own
// and no host's.
func (l *loader) natAddress(addrs []netip.Addr, v value) {
	for _, a := range addrs {
		for _, n := range l.site.Firewall.Nodes {
			if n.Management == a {
				l.diags.Errorf(v.at(), "nat-address", "%s is node %s's own address", a, n.Name).Fix = "use one of the interface's addresses or another public one"
			}
		}
		for _, h := range l.site.Hosts {
			if slices.Contains(h.Addresses, a) {
				l.diags.Errorf(v.at(), "nat-address", "%s is the address of host %s", a, h.Name).Fix = "use an address that no host has"
			}
		}
		if a.IsMulticast() || a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() {
			l.diags.Errorf(v.at(), "nat-address", "%s cannot be translated to", a).Fix = "use a unicast address"
		}
	}
}

func (l *loader) nat(entries []natEntry) {
	for _, e := range entries {
		switch n := e.nat; n.Kind {
		case policy.Masquerade:
			who, _ := e.get("masquerade")
			n.From = l.withoutFirewall(l.ends(who), who)
			n.Out = l.natZone(e)
		case policy.Map:
			host, _ := e.get("map")
			n.Host = l.natHost(host)
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
	v, given := e.get("to")
	if !given {
		l.diags.Errorf(e.at(), "missing-key", "%s needs the key \"to\"", e.nat.Kind).Fix = "the zone towards which addresses are translated, such as internet"
		return nil
	}
	return l.zone(v)
}

func (l *loader) natHost(v value) *policy.Host {
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

func (l *loader) publish(e natEntry) {
	n := e.nat
	services, _ := e.get("publish")
	n.Service = &policy.Service{Name: services.Value, Range: services.at()}
	for _, s := range l.services.list(services) {
		n.Service.Matches = append(n.Service.Matches, s.Matches...)
	}
	for _, m := range n.Service.Matches {
		if m.Any || !policy.HasPorts(m.Proto) || m.Ports.IsAny() {
			l.diags.Errorf(services.at(), "publish-service", "only services with ports can be published, not %s", m).Fix = "name ports, or map the whole host with map"
		}
	}
	if to, given := e.get("to"); given {
		n.Host = l.natHost(to)
	} else {
		l.diags.Errorf(e.at(), "missing-key", "publish needs the key \"to\"").Fix = "the real host"
	}
	if from, given := e.get("from"); given {
		n.From = l.withoutFirewall(l.ends(from), from)
	}
	port, given := e.get("port")
	if !given {
		return
	}
	p, ok := l.number(port, "port")
	if ok && (p < 1 || p > 65535) {
		l.diags.Errorf(port.at(), "bad-number", "%d is not a port", p).Fix = "ports are 1 to 65535"
		return
	}
	n.Port = uint16(p)
	for _, m := range n.Service.Matches {
		if m.Ports.First != m.Ports.Last || m.Proto != n.Service.Matches[0].Proto || m.Ports != n.Service.Matches[0].Ports {
			l.diags.Errorf(port.at(), "publish-port", "several ports cannot all be moved to %d", p).Fix = "publish one port, or leave port out"
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
			l.diags.Errorf(n.Range, "nat-family", "host %s has %d addresses of the family of %s, and one is wanted", n.Host.Name, same, a).Fix = "publish an address of a family the host has"
		}
	}
}

// natConflicts: two entries that translate the same packet cannot both be meant.
func (l *loader) natConflicts() {
	for k, n := range l.site.NAT {
		for _, m := range l.site.NAT[:k] {
			if l.conflict(n, m) {
				l.diags.Errorf(n.Range, "nat-conflict", "%s and %s translate the same packets", m.Name, n.Name).Related = []diag.Related{{Message: m.Name, Range: m.Range}}
			}
		}
	}
}

func (l *loader) conflict(n, m *policy.NAT) bool {
	shared := slices.ContainsFunc(n.At, func(a netip.Addr) bool { return slices.Contains(m.At, a) })
	switch {
	case !shared || len(n.From) > 0 || len(m.From) > 0:
		return false
	case n.Kind == policy.Map || m.Kind == policy.Map:
		return true
	}
	for _, x := range n.Service.Matches {
		for _, y := range m.Service.Matches {
			if x.Proto == y.Proto && x.Ports.First <= y.Ports.Last && y.Ports.First <= x.Ports.Last {
				return true
			}
		}
	}
	return false
}
