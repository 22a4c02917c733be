package analysis

import (
	"slices"

	"glacis/internal/policy"
)

// Neighbours are hosts of one zone that share a network: whatever the firewall
// does, it is not between them.
type Neighbours struct {
	Zone  *policy.Zone
	Hosts []*policy.Host
}

// AllNeighbours lists, for every zone with two hosts or more, its hosts. The
// Internet's are not ours to protect.
func AllNeighbours(site *policy.Site) []Neighbours {
	var out []Neighbours
	for _, z := range site.Zones {
		if z.Role == policy.Internet {
			continue
		}
		n := Neighbours{Zone: z}
		for _, h := range site.Hosts {
			if h.Zone == z && !slices.Contains(n.Hosts, h) {
				n.Hosts = append(n.Hosts, h)
			}
		}
		if len(n.Hosts) > 1 {
			out = append(out, n)
		}
	}
	return out
}
