package site

import (
	"bufio"
	"bytes"
	"net/netip"
	"strings"

	"glacis/internal/diag"
	"glacis/internal/policy"

	"go.yaml.in/yaml/v4"
	"go4.org/netipx"
)

// Default limits of a sender's new connections towards the Internet.
const (
	defaultNewConnections = 200
	quietNewConnections   = 50 // servers and dmz: they hardly begin any
)

func (l *loader) zones() {
	type owned struct {
		zone *policy.Zone
		at   diag.Range
	}
	networks := map[netip.Prefix]owned{}
	for _, e := range l.ordered("zones") {
		z := &policy.Zone{Range: e.key.at()}
		name, named := l.claim(e.key, namedThing{zone: z})
		m, _ := l.mapping(e.value, zoneShape)
		if !named {
			continue
		}
		z.Name = name
		z.Role = policy.Role(m.word("role"))
		l.site.Zones = append(l.site.Zones, z)
		for _, item := range m.list("networks") {
			p, ok := l.network(item)
			if !ok {
				continue
			}
			if first, twice := networks[p]; twice {
				l.twice(item, "network-twice", first.at, "%s is in zone %s already", p, first.zone.Name).Fix = "a network lives in one zone: remove it from the other"
				continue
			}
			networks[p] = owned{z, item.at()}
			z.Networks = append(z.Networks, p)
		}
		l.checkNetworks(z, m)
		z.NewConnections = l.newConnections(z, m)
		l.bogons(z, m)
	}
	if len(l.site.Zones) == 0 {
		l.diags.Errorf(l.site.Range, "no-zones", "the site has no zones").Fix = "declare at least two zones under zones:"
	}
	l.oneInternet()
}

func (l *loader) checkNetworks(z *policy.Zone, m mapping) {
	v, given := m.get("networks")
	switch {
	case z.Role == "" || !given && m.has("networks"): // reported
	case z.Role == policy.Internet && given:
		l.diags.Errorf(v.at(), "internet-networks", "the Internet is every address that belongs to no other zone").Fix = "leave networks out"
		z.Networks = nil
	case z.Role != policy.Internet && !given:
		l.diags.Errorf(z.Range, "zone-without-networks", "zone %s has no networks", z.Name).Fix = "add networks: [...], the addresses that live there"
	}
}

func (l *loader) oneInternet() {
	var first *policy.Zone
	for _, z := range l.site.Zones {
		if z.Role != policy.Internet {
			continue
		}
		if first != nil {
			e := l.diags.Errorf(z.Range, "two-internets", "zone %s is a second zone with role internet", z.Name)
			e.Related = []diag.Related{{Message: "first here", Range: first.Range}}
			e.Fix = "the Internet is one: put what lies behind the second uplink under a role of its own, such as partner"
			continue
		}
		first = z
	}
}

func (l *loader) newConnections(z *policy.Zone, m mapping) policy.Rate {
	v, given := m.get("new-connections")
	switch {
	case !given && z.Role == policy.Internet:
		return policy.Rate{}
	case !given && (z.Role == policy.Servers || z.Role == policy.DMZ):
		return policy.Rate{PerSecond: quietNewConnections}
	case !given:
		return policy.Rate{PerSecond: defaultNewConnections}
	case z.Role == policy.Internet:
		l.diags.Errorf(v.at(), "internet-limit", "new-connections limits what a zone sends to the Internet, not the Internet itself").Fix = "put a limit on the rules instead"
		return policy.Rate{}
	case v.Kind == yaml.ScalarNode && v.Value == "none":
		return policy.Rate{}
	case v.Kind == yaml.ScalarNode:
		return policy.Rate{PerSecond: m.rate("new-connections")}
	}
	r, _ := l.mapping(v, rateShape)
	return policy.Rate{PerSecond: r.rate("rate"), Burst: r.number("burst")}
}

func (l *loader) bogons(z *policy.Zone, m mapping) {
	v, given := m.get("bogons")
	if !given {
		return
	}
	switch {
	case z.Role != policy.Internet:
		l.diags.Errorf(v.at(), "bogons-elsewhere", "bogons belong to the zone with role internet").Fix = "move the key there"
	case v.Value == "none":
		z.Bogons = &netipx.IPSet{}
	default:
		z.Bogons = l.addressFile(v)
	}
}

// addressFile reads a file of addresses, networks and ranges, one a line; nil
// if it cannot be read.
func (l *loader) addressFile(v value) *netipx.IPSet {
	if v.Value == "" || strings.HasPrefix(v.Value, "/") || strings.Contains(v.Value, "..") {
		l.diags.Errorf(v.at(), "file-outside", "%q is outside the site", v.Value).Fix = "name a file inside the site's directory"
		return nil
	}
	text, ok := l.read(v.Value, v.at(), maxFile)
	if !ok {
		return nil
	}
	return l.addressLines(v.Value, text)
}

func (l *loader) addressLines(file string, text []byte) *netipx.IPSet {
	var all netipx.IPSetBuilder
	scan := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		if k := strings.IndexAny(line, "#;"); k >= 0 {
			line = line[:k]
		}
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		set, err := addresses(line)
		if err != nil {
			at := diag.Range{File: file, Start: diag.Pos{Line: n, Column: 1}, End: diag.Pos{Line: n, Column: 1 + len(line)}}
			l.diags.Errorf(at, "bad-list-line", "%q is not an address, network or range", line).Fix = err.Error() + "; # begins a comment"
			continue
		}
		all.AddSet(set)
	}
	if err := scan.Err(); err != nil {
		l.diags.Errorf(diag.Range{File: file}, "bad-list-line", "a line is too long: %v", err).Fix = "one address, network or range a line"
	}
	set, err := all.IPSet()
	if err != nil {
		l.diags.Errorf(diag.Range{File: file}, "bad-list-line", "the list cannot be used: %v", err).Fix = "correct the addresses in it"
		return nil
	}
	return set
}
