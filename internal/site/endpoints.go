package site

import (
	"fmt"
	"strings"

	"glacis/internal/policy"

	"go4.org/netipx"
)

// ends resolves a list of names, networks and addresses to one endpoint for
// each zone they touch.
func (l *loader) ends(items []value) []policy.Endpoint {
	var out []policy.Endpoint
	for _, item := range items {
		for _, e := range l.end(item) {
			if l.affordable(item) {
				e.Text, e.Range = item.Value, item.at()
				out = append(out, e)
			}
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
			l.diags.Errorf(v.at(), "bad-network", "%q is not an address, network or range", v.Value).Fix = err.Error()
			return nil
		}
		l.unknown(v.at(), "unknown-name", fmt.Sprintf("there is no zone, host or group %q", v.Value), v.Value, l.knownNames())
		return nil
	}
	parts, rest := l.site.Split(set)
	if len(parts) == 0 {
		if !l.ownersKnown {
			return nil
		}
		l.diags.Errorf(v.at(), "nobodys-address", "%s is in no zone", v.Value).Fix = "add the network to a zone, or correct it"
		return nil
	}
	if left := l.nobodys(rest); l.ownersKnown && len(left.Ranges()) > 0 {
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
