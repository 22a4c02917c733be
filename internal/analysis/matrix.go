package analysis

import (
	"slices"
	"time"

	"glacis/internal/policy"
)

// Matrix is zone by zone what may pass. Its sides are the zones as written and,
// last, the firewall itself, which is the nil zone.
type Matrix struct {
	Sides []*policy.Zone
	Pairs []Pair // row by row, without firewall to firewall
}

// Pair is what may pass from one side to another.
type Pair struct {
	From, To *policy.Zone
	// Shared is the interface that both sides are behind, where no firewall can
	// stand between them; nil: filtered.
	Shared *policy.Interface
	Rules  []PairRule // those in force, in the order they are tried
}

// PairRule is what one rule says about a pair.
type PairRule struct {
	*policy.Rule
	Services []*policy.Service // those that the pair's address families know
}

// NewMatrix works out which rules are in force between all sides at a time.
func NewMatrix(s *policy.Site, now time.Time) Matrix {
	m := Matrix{Sides: append(slices.Clone(s.Zones), nil)}
	rules := append([]*policy.Rule{s.ManagementRule()}, s.Rules...)
	for _, from := range m.Sides {
		for _, to := range m.Sides {
			if from == nil && to == nil {
				continue
			}
			p := Pair{From: from, To: to}
			if from != nil && to != nil && from.Interface == to.Interface {
				p.Shared = from.Interface
			} else {
				p.Rules = inForce(s, rules, from, to, now)
			}
			m.Pairs = append(m.Pairs, p)
		}
	}
	return m
}

// Filtered reports whether the firewall stands between the two.
func (p Pair) Filtered() bool { return p.Shared == nil }

// Between returns what may pass from one side to another.
func (m Matrix) Between(from, to *policy.Zone) (Pair, bool) {
	k := slices.IndexFunc(m.Pairs, func(p Pair) bool { return p.From == from && p.To == to })
	if k < 0 {
		return Pair{}, false
	}
	return m.Pairs[k], true
}

// Allows returns the rules that let something pass.
func (p Pair) Allows() []PairRule { return p.actions(true) }

// Stops returns the rules that drop or reject something.
func (p Pair) Stops() []PairRule { return p.actions(false) }

func (p Pair) actions(allow bool) (out []PairRule) {
	for _, r := range p.Rules {
		if (r.Action == policy.Allow) == allow {
			out = append(out, r)
		}
	}
	return out
}

// Services names what may pass, as written, in the order of the rules. What is
// not filtered is any.
func (p Pair) Services() []string {
	if !p.Filtered() {
		return []string{"any"}
	}
	var out []string
	for _, r := range p.Allows() {
		for _, s := range r.Services {
			if !slices.Contains(out, s.Name) {
				out = append(out, s.Name)
			}
		}
	}
	return out
}

// inForce lists the rules that can match a packet of the pair, up to one that
// leaves nothing to those after it.
func inForce(s *policy.Site, rules []*policy.Rule, from, to *policy.Zone, now time.Time) []PairRule {
	var out []PairRule
	for _, r := range rules {
		if !r.Active(now) {
			continue
		}
		services := matching(s, r, from, to)
		if len(services) == 0 {
			continue
		}
		out = append(out, PairRule{r, services})
		if isTotal(r, from, to) {
			break
		}
	}
	return out
}

// matching returns the services with which a rule can match a packet of the
// pair: both ends and the service need an address family in common.
func matching(s *policy.Site, r *policy.Rule, from, to *policy.Zone) []*policy.Service {
	var out []*policy.Service
	for _, svc := range r.Services {
		for _, is4 := range []bool{true, false} {
			if has(s, r.From, from, is4) && has(s, r.To, to, is4) && exists(svc, is4) {
				out = append(out, svc)
				break
			}
		}
	}
	return out
}

// has reports whether any of the ends lies in the zone with an address of the
// family.
func has(s *policy.Site, ends []policy.Endpoint, z *policy.Zone, is4 bool) bool {
	for _, e := range ends {
		if e.Zone != z {
			continue
		}
		set := e.Addrs
		switch {
		case set != nil:
		case z == nil:
			set = s.Own()
		default:
			set = s.Set(z)
		}
		for _, r := range set.Ranges() {
			if r.From().Is4() == is4 {
				return true
			}
		}
	}
	return false
}

// exists: ICMP is a protocol of IPv4 and ICMPv6 one of IPv6, others of both.
func exists(svc *policy.Service, is4 bool) bool {
	return slices.ContainsFunc(svc.Matches, func(m policy.Match) bool {
		return m.Any || !policy.IsICMP(m.Proto) || (m.Proto == policy.ICMP) == is4
	})
}

// isTotal reports whether a rule decides every packet of the pair.
func isTotal(r *policy.Rule, from, to *policy.Zone) bool {
	whole := func(ends []policy.Endpoint, z *policy.Zone) bool {
		return slices.ContainsFunc(ends, func(e policy.Endpoint) bool { return e.Zone == z && e.Addrs == nil })
	}
	every := slices.ContainsFunc(r.Services, func(s *policy.Service) bool {
		return slices.ContainsFunc(s.Matches, func(m policy.Match) bool { return m.Any })
	})
	return every && r.When == (policy.When{}) && whole(r.From, from) && whole(r.To, to)
}
