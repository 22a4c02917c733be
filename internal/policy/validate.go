package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"glacis/internal/diag"

	"go4.org/netipx"
)

// expiringSoon is how long before its end an exception is warned of.
const expiringSoon = 30 * 24 * time.Hour

// Validate reports what is wrong with the meaning of a resolved site: rules
// that can match nothing, that do what a role forbids, exceptions that are too
// wide or about to end, NAT that no rule lets through.
func Validate(s *Site, now time.Time) diag.List {
	v := &siteValidator{site: s, now: now}
	v.sharedInterfaces()
	for _, r := range s.Rules {
		v.rule(r)
	}
	for _, n := range s.NAT {
		v.nat(n)
	}
	return v.diags
}

type siteValidator struct {
	site  *Site
	now   time.Time
	diags diag.List
}

// sharedInterfaces says which zones no rule can keep apart.
func (v *siteValidator) sharedInterfaces() {
	for _, i := range v.site.Firewall.Interfaces {
		if len(i.Zones) < 2 {
			continue
		}
		var names []string
		for _, z := range i.Zones {
			names = append(names, z.Name)
		}
		v.diags.Infof(i.Range, "unfiltered-pair", "not filtered: %s share interface %s", strings.Join(names, ", "), i.Name).
			Fix = "give them interfaces of their own if the firewall is to stand between them"
	}
}

func (v *siteValidator) rule(r *Rule) {
	before := len(v.diags)
	v.matchesSomething(r)
	v.expiry(r)
	if r.Action == Allow {
		v.roles(r)
	}
	for k := before; k < len(v.diags); k++ {
		v.diags[k].Rule = r.Name
	}
}

// matchesSomething: a rule on a pair of zones counts only if the firewall is
// between them, both have a family in common and the service exists in it.
func (v *siteValidator) matchesSomething(r *Rule) {
	filtered, family := false, false
	from, to := v.kinds(r.From), v.kinds(r.To)
	for _, f := range from {
		for _, t := range to {
			if !filters(f.end, t.end) {
				continue
			}
			filtered = true
			for k, is4 := range []bool{true, false} {
				family = family || f.has[k] && t.has[k] && hasService(r, is4)
			}
		}
	}
	switch {
	case !filtered:
		v.diags.Errorf(r.Range, "rule-unfiltered", "rule %s can match nothing: no firewall is between %s and %s", r.Name, texts(r.From), texts(r.To)).
			Fix = "remove it, or put the zones on interfaces of their own"
	case !family:
		v.diags.Errorf(r.Range, "rule-no-family", "rule %s can match nothing: %s and %s have no address family with its services in common", r.Name, texts(r.From), texts(r.To)).
			Fix = "give both ends addresses of one family"
	}
}

// endKind is one of the ends of a rule that are judged alike, so that a rule
// between a thousand hosts and a thousand others is not a million cases.
type endKind struct {
	end    Endpoint
	has    [2]bool // addresses of IPv4, of IPv6
	narrow bool    // enough for an exception
}

// kinds gives one end of each kind, the first.
func (v *siteValidator) kinds(ends []Endpoint) []endKind {
	type key struct {
		zone          *Zone
		has           [2]bool
		narrow, whole bool
	}
	var out []endKind
	seen := map[key]bool{}
	for _, e := range ends {
		kind := endKind{e, [2]bool{v.has(e, true), v.has(e, false)}, isNarrow(e)}
		k := key{e.Zone, kind.has, kind.narrow, e.Addrs == nil}
		if !seen[k] {
			seen[k] = true
			out = append(out, kind)
		}
	}
	return out
}

// filters reports whether the firewall is between two endpoints.
func filters(f, t Endpoint) bool {
	switch {
	case f.IsFirewall() && t.IsFirewall():
		return false
	case f.IsFirewall() || t.IsFirewall():
		return true
	}
	return f.Zone.Interface != t.Zone.Interface
}

func (v *siteValidator) has(e Endpoint, is4 bool) bool {
	set := e.Addrs
	switch {
	case set == nil && e.IsFirewall():
		set = v.site.Itself()
	case set == nil:
		set = v.site.Set(e.Zone)
	}
	return slices.ContainsFunc(set.Ranges(), func(r netipx.IPRange) bool { return r.From().Is4() == is4 })
}

// hasService reports whether the rule has a service that exists in the family.
func hasService(r *Rule, is4 bool) bool {
	for _, s := range r.Services {
		for _, m := range s.Matches {
			if m.Any || m.Proto == ICMP && is4 || m.Proto == ICMPv6 && !is4 || !IsICMP(m.Proto) {
				return true
			}
		}
	}
	return false
}

func texts(ends []Endpoint) string {
	var out []string
	for _, e := range ends {
		if !slices.Contains(out, e.Text) {
			out = append(out, e.Text)
		}
	}
	return strings.Join(out, ", ")
}

func (v *siteValidator) expiry(r *Rule) {
	e := r.Exception
	switch {
	case e == nil:
	case e.Expired(v.now):
		v.diags.Warnf(e.Range, "exception-expired", "the exception of rule %s ended on %s: the rule is not installed", r.Name, lastDay(e)).
			Fix = "remove the rule, or have the exception renewed"
	case e.Expired(v.now.Add(expiringSoon)):
		v.diags.Warnf(e.Range, "exception-expiring", "the exception of rule %s ends on %s", r.Name, lastDay(e)).
			Fix = "have it renewed, or plan to live without the rule"
	}
}

func lastDay(e *Exception) string { return e.Expires.AddDate(0, 0, -1).Format(time.DateOnly) }

// roles holds an allow rule against the promises of the zones it joins.
func (v *siteValidator) roles(r *Rule) {
	said := map[string]bool{}
	from, to := v.kinds(r.From), v.kinds(r.To)
	for _, f := range from {
		for _, t := range to {
			if !filters(f.end, t.end) {
				continue
			}
			why, narrow := forbidden(r, f.end, t.end)
			if why == "" || said[why] {
				continue
			}
			said[why] = v.exception(r, f, t, why, narrow)
		}
	}
}

// exception reports whether it found the rule's exception missing or too wide
// for the promise that it breaks between two ends.
func (v *siteValidator) exception(r *Rule, f, t endKind, why string, narrow protectedEnd) bool {
	if r.Exception == nil {
		v.diags.Errorf(r.Range, "exception-required", "rule %s, from %s to %s: %s", r.Name, f.end.Text, t.end.Text, why).
			Fix = "remove what the role forbids, or have it approved: exception: {ticket: ..., approved-by: ..., expires: YYYY-MM-DD}"
		return true
	}
	before := len(v.diags)
	protected, which := f, "from"
	if narrow == destination {
		protected, which = t, "to"
	}
	if !protected.narrow {
		v.diags.Errorf(protected.end.Range, "exception-too-wide", "the exception of rule %s covers all of %s", r.Name, protected.end.Text).
			Fix = fmt.Sprintf("name single hosts, or networks no wider than /%d or /%d, under %q", exceptionBits4, exceptionBits6, which)
	}
	if slices.ContainsFunc(r.Services, func(s *Service) bool { return slices.ContainsFunc(s.Matches, func(m Match) bool { return m.Any }) }) {
		v.diags.Errorf(r.Range, "exception-any", "the exception of rule %s covers every service", r.Name).Fix = "name the services it needs"
	}
	return len(v.diags) > before
}

// nat wants an interface for every address, and warns of published hosts that
// no rule lets anybody reach.
func (v *siteValidator) nat(n *NAT) {
	for _, a := range slices.Concat(n.As, n.At) {
		if v.site.natInterface(n, a) == nil {
			v.diags.Errorf(n.Range, "nat-address-nowhere", "no interface can hold %s: it is in no subnet of the firewall, and nothing says from where it is seen", a).
				Fix = "use an address in one of the interfaces' subnets, or say for whom it is published with from"
		}
	}
	if n.Kind != Publish && n.Kind != Map || n.Host == nil || n.Host.Zone == nil {
		return
	}
	for _, r := range v.site.Rules {
		if r.Action == Allow && r.Active(v.now) && reaches(r, n.Host) && v.serves(r, n) {
			return
		}
	}
	if n.Kind == Map && v.sends(n.Host) {
		return
	}
	v.diags.Warnf(n.Range, "nat-without-rule", "no rule lets anybody reach %s as %s publishes it", n.Host.Name, n.Name).
		Fix = "add the rule that allows it, to the host's real address and port, or remove the entry"
}

func reaches(r *Rule, h *Host) bool {
	for _, a := range h.Addresses {
		if matchesEnd(r.To, h.Zone, a) {
			return true
		}
	}
	return false
}

// serves reports whether the rule allows a service as it is after translation.
func (v *siteValidator) serves(r *Rule, n *NAT) bool {
	if n.Kind == Map {
		return true
	}
	for _, m := range n.Service.Matches {
		port := m.Ports.First
		if n.Port != 0 {
			port = n.Port
		}
		if matchesServices(r, Packet{Proto: m.Proto, DstPort: port, SrcPort: 40000, Src: netip.IPv4Unspecified()}) {
			return true
		}
	}
	return false
}

func (v *siteValidator) sends(h *Host) bool {
	return slices.ContainsFunc(v.site.Rules, func(r *Rule) bool {
		return r.Action == Allow && slices.ContainsFunc(h.Addresses, func(a netip.Addr) bool { return matchesEnd(r.From, h.Zone, a) })
	})
}
