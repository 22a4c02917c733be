package policy

import (
	"fmt"
	"slices"
)

// protectedEnd is the end of a rule that an exception must name narrowly.
type protectedEnd int

const (
	source protectedEnd = iota
	destination
)

// forbidden says why an allow rule from one endpoint to another does what a
// role promises against, and which end an exception would have to name; "" if
// it does not. It is the table of roles of the site language.
func forbidden(r *Rule, from, to Endpoint) (why string, narrow protectedEnd) {
	if from.IsFirewall() {
		return "", source
	}
	anyService := slices.ContainsFunc(r.Services, func(s *Service) bool {
		return slices.ContainsFunc(s.Matches, func(m Match) bool { return m.Any })
	})
	named := to.Addrs != nil && !anyService // single hosts or networks, on services that are named
	if to.IsFirewall() {
		return "only management stations reach the firewall itself", source
	}
	if to.Zone.Role == DMZ && !named && from.Zone.Role != DMZ {
		return fmt.Sprintf("zone %s is reached only at named hosts on named services", to.Zone.Name), destination
	}
	switch from.Zone.Role {
	case Internet:
		if to.Zone.Role != DMZ {
			return "the Internet reaches no zone but the dmz", destination
		}
	case DMZ:
		return "the dmz initiates nothing", source
	case Servers:
		if to.Zone.Role == Internet {
			return "servers initiate nothing to the Internet", source
		}
	case Users:
		if to.Zone.Role == Internet && anyService {
			return "users reach the Internet only on named services", source
		}
	case Partner, Branch:
		return forbiddenRemote(from.Zone.Role, to, named, anyService)
	case Guest:
		if to.Zone.Role != Internet && to.Zone.Role != DMZ {
			return "guests reach the Internet and public dmz services only", destination
		}
	}
	return "", source
}

// forbiddenRemote is the part of the table for partners and branches.
func forbiddenRemote(role Role, to Endpoint, named, anyService bool) (string, protectedEnd) {
	switch {
	case to.Zone.Role == Partner || to.Zone.Role == Branch:
		return "partners and branches never reach each other", destination
	case to.Zone.Role == Management:
		return "partners and branches never reach management", destination
	case to.Zone.Role == Internet && role == Branch && !anyService:
		return "", source
	case !named:
		return fmt.Sprintf("a %s reaches only named hosts or groups on named services", role), destination
	}
	return "", source
}

// Widest networks that an exception may name.
const (
	exceptionBits4 = 28
	exceptionBits6 = 124
)

// isNarrow reports whether an endpoint is single hosts or networks small enough
// for an exception. What counts is how many addresses it has, not into which
// networks they fall apart: a /27 less its broadcast is no row of small ones.
func isNarrow(e Endpoint) bool {
	if e.IsFirewall() {
		return true
	}
	if e.Addrs == nil {
		return false
	}
	const most = 1 << (32 - exceptionBits4) // as many as 1 << (128 - exceptionBits6)
	four, six := 0, 0
	for _, r := range e.Addrs.Ranges() {
		n := &six
		if r.From().Is4() {
			n = &four
		}
		for a := r.From(); *n <= most && a.Compare(r.To()) <= 0 && a.IsValid(); a = a.Next() {
			*n++
		}
	}
	return four <= most && six <= most
}
