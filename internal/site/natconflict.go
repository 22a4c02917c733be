package site

import (
	"cmp"
	"net/netip"
	"slices"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

// natClaim is what one entry translates of a public address: some ports of a
// protocol, or all of it.
type natClaim struct {
	proto       uint8
	first, last uint16
	nat         *policy.NAT
}

// natConflicts: two entries that translate the same packet cannot both be
// meant. Entries for some sources only may, as the first match decides.
func (l *loader) natConflicts() {
	whole := map[netip.Addr]*policy.NAT{}
	parts := map[netip.Addr][]natClaim{}
	var published []netip.Addr
	for _, n := range l.site.NAT {
		for _, a := range n.At {
			switch {
			case len(n.From) > 0:
			case n.Kind == policy.Map && whole[a] != nil:
				l.natConflict(whole[a], n)
			case n.Kind == policy.Map:
				whole[a] = n
			case n.Service != nil:
				published = append(published, a)
				for _, m := range n.Service.Matches {
					parts[a] = append(parts[a], natClaim{m.Proto, m.Ports.First, m.Ports.Last, n})
				}
			}
		}
	}
	slices.SortFunc(published, netip.Addr.Compare)
	for _, a := range slices.Compact(published) {
		if n := whole[a]; n != nil {
			l.natConflict(n, parts[a][0].nat)
		}
		l.overlaps(parts[a])
	}
}

// overlaps finds claims that share a port, sorted so that only the one that
// reaches furthest so far need be asked.
func (l *loader) overlaps(claims []natClaim) {
	slices.SortStableFunc(claims, func(a, b natClaim) int {
		return cmp.Or(cmp.Compare(a.proto, b.proto), cmp.Compare(a.first, b.first))
	})
	var reach natClaim
	said := map[[2]*policy.NAT]bool{}
	for _, c := range claims {
		if reach.nat != nil && reach.nat != c.nat && c.proto == reach.proto && c.first <= reach.last {
			if pair := [2]*policy.NAT{reach.nat, c.nat}; !said[pair] {
				said[pair] = true
				l.natConflict(reach.nat, c.nat)
			}
		}
		if reach.nat == nil || c.proto != reach.proto || c.last > reach.last {
			reach = c
		}
	}
}

// natConflict reports two entries at the one that comes second in the files.
func (l *loader) natConflict(first, second *policy.NAT) {
	if slices.Index(l.site.NAT, second) < slices.Index(l.site.NAT, first) {
		first, second = second, first
	}
	d := l.diags.Errorf(second.Range, "nat-conflict", "%s and %s translate the same packets", first.Name, second.Name)
	d.Related = []diag.Related{{Message: first.Name, Range: first.Range}}
	d.Fix = "remove one, or give it another address or another service"
}
