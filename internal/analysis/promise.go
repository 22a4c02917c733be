package analysis

import (
	"fmt"
	"slices"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

// Holding says how a promise fares.
type Holding string

const (
	Holds               Holding = "holds"
	HoldsWithExceptions Holding = "holds-with-exceptions"
	Broken              Holding = "broken"
	NotFiltered         Holding = "not-filtered" // the firewall is not between some of the ends
	// Unproven: the question took more steps than it was given, and what was found
	// is not what the model says of that packet; or there is no packet that an
	// "always" could be about.
	Unproven Holding = "unproven"
)

// Promise is something that must hold for every packet, and whether it does.
type Promise struct {
	Name    string // stable
	Kind    string // "role": built in; "site": a guarantee that the site has written
	Text    string // what is promised
	Threat  string // what it answers
	Holding Holding
	// Exceptions are the rules that a role's promise suffers, each approved.
	Exceptions []*policy.Rule
	// Example breaks the promise.
	Example *Example
	// Unfiltered names pairs of zones about which no firewall can promise anything.
	Unfiltered []string
	// Assumes says what must be so besides, such as a limit that is not exceeded.
	Assumes []string
	Range   diag.Range
}

// The threats that the roles' promises answer.
const (
	internetAttacksDMZ   = "the Internet attacks the dmz"
	weAttackInternet     = "our network attacks the Internet"
	insideAttacksDMZ     = "users or servers attack the dmz"
	dmzAttacks           = "the dmz attacks inside, or itself"
	partnersAttack       = "partners attack"
	branchesAttack       = "remote offices attack"
	guestsAttack         = "guests attack"
	firewallAttacked     = "the firewall itself is attacked"
	internetAttacksOther = "the Internet attacks what is not public"
)

// rolePromise is one line of the table of roles. Its breach is said of an allow
// rule between two zones; to is nil for the firewall itself.
type rolePromise struct {
	name, text, threat string
	from               func(*policy.Zone) bool
	breach             func(from, to *policy.Zone, r *policy.Rule) bool
}

func role(roles ...policy.Role) func(*policy.Zone) bool {
	return func(z *policy.Zone) bool { return z != nil && slices.Contains(roles, z.Role) }
}

// promised is the table of roles of the site language.
var promised = []rolePromise{
	{"dmz-only", "reaches no zone but the dmz", internetAttacksOther, role(policy.Internet), func(_, to *policy.Zone, _ *policy.Rule) bool {
		return to != nil && to.Role != policy.DMZ
	}},
	{"dmz-named", "reaches only named hosts on named services in the dmz", internetAttacksDMZ, role(policy.Internet), broadToDMZ},
	{"dmz-named", "reaches only named hosts on named services in the dmz", insideAttacksDMZ,
		role(policy.Users, policy.Servers, policy.Management, policy.Partner, policy.Branch, policy.Guest), broadToDMZ},
	{"initiates-nothing", "initiates nothing", dmzAttacks, role(policy.DMZ), func(_, to *policy.Zone, _ *policy.Rule) bool { return to != nil }},
	{"no-internet", "initiates nothing to the Internet", weAttackInternet, role(policy.Servers), func(_, to *policy.Zone, _ *policy.Rule) bool {
		return is(to, policy.Internet)
	}},
	{"named-services", "reaches the Internet only on named services", weAttackInternet, role(policy.Users), func(_, to *policy.Zone, r *policy.Rule) bool {
		return is(to, policy.Internet) && anyService(r)
	}},
	{"named-only", "reaches only named hosts or groups on named services", partnersAttack, role(policy.Partner), func(_, to *policy.Zone, r *policy.Rule) bool {
		return to != nil && (anyService(r) || wholeZone(r, to))
	}},
	{"named-only", "reaches only named hosts or groups, and the Internet, on named services", branchesAttack, role(policy.Branch), func(_, to *policy.Zone, r *policy.Rule) bool {
		return to != nil && (anyService(r) || wholeZone(r, to) && to.Role != policy.Internet)
	}},
	{"not-each-other", "reaches no partner, no branch and no management", partnersAttack, role(policy.Partner), toOthers},
	{"not-each-other", "reaches no partner, no branch and no management", branchesAttack, role(policy.Branch), toOthers},
	{"public-only", "reaches the Internet and the dmz only", guestsAttack, role(policy.Guest), func(_, to *policy.Zone, _ *policy.Rule) bool {
		return to != nil && to.Role != policy.Internet && to.Role != policy.DMZ
	}},
	{"stations-only", "reaches the firewall itself from named management stations only", firewallAttacked, func(z *policy.Zone) bool { return z != nil }, func(_, to *policy.Zone, r *policy.Rule) bool {
		return to == nil && r.Name != policy.ManagementRuleName
	}},
}

func is(z *policy.Zone, r policy.Role) bool { return z != nil && z.Role == r }

func broadToDMZ(_, to *policy.Zone, r *policy.Rule) bool {
	return is(to, policy.DMZ) && (anyService(r) || wholeZone(r, to))
}

func toOthers(_, to *policy.Zone, _ *policy.Rule) bool {
	return is(to, policy.Partner) || is(to, policy.Branch) || is(to, policy.Management)
}

func anyService(r *policy.Rule) bool {
	return slices.ContainsFunc(r.Services, func(s *policy.Service) bool {
		return slices.ContainsFunc(s.Matches, func(m policy.Match) bool { return m.Any })
	})
}

// wholeZone reports whether the rule's destination is all of a zone.
func wholeZone(r *policy.Rule, z *policy.Zone) bool {
	return slices.ContainsFunc(r.To, func(e policy.Endpoint) bool { return e.Zone == z && e.Addrs == nil })
}

// Promises proves what the roles of the site's zones promise, zone by zone, and
// what the site guarantees on top.
func Promises(site *policy.Site, now time.Time) []Promise {
	pairs := AllTraffic(site, now)
	var out []Promise
	for _, z := range site.Zones {
		for _, rp := range promised {
			if rp.from(z) {
				out = append(out, rp.prove(z, pairs))
			}
		}
	}
	for _, g := range site.Guarantees {
		out = append(out, prove(site, g, pairs))
	}
	for k := range out {
		out[k].confirm(site, now)
	}
	return out
}

// confirm asks the model about the packet that breaks a promise: nobody is to be
// shown a counterexample that is none.
func (p *Promise) confirm(site *policy.Site, now time.Time) {
	if p.Example == nil {
		return
	}
	want := policy.ByDefault
	if p.Example.Rule != nil {
		want = p.Example.Rule.Name
	}
	if site.Decide(p.Example.Packet, now).RuleName != want {
		p.Holding, p.Example = Unproven, nil
	}
}

// prove looks for a packet that the firewall lets pass from the zone and that
// the role forbids.
func (rp rolePromise) prove(z *policy.Zone, pairs []*Traffic) Promise {
	p := Promise{Name: z.Name + "-" + rp.name, Kind: "role", Text: fmt.Sprintf("zone %s %s", z.Name, rp.text), Threat: rp.threat, Holding: Holds, Range: z.Range}
	for _, pair := range pairs {
		if pair.From != z {
			continue
		}
		breach := func(k int) bool {
			return pair.List.Lines[k].Result == allowed && rp.breach(pair.From, pair.To, pair.Rules[k])
		}
		if e, found := pair.query(nil, func(k int) bool { return breach(k) && pair.Rules[k].Exception == nil }); found && p.Example == nil {
			p.Holding, p.Example = Broken, &e
		}
		for k, r := range pair.Rules {
			if r.Exception == nil || !breach(k) || slices.Contains(p.Exceptions, r) {
				continue
			}
			if _, found := pair.query(nil, func(at int) bool { return at == k }); found {
				p.Exceptions = append(p.Exceptions, r)
			}
		}
	}
	if p.Holding == Holds && len(p.Exceptions) > 0 {
		p.Holding = HoldsWithExceptions
	}
	return p
}
