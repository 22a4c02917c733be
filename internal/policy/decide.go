package policy

import (
	"fmt"
	"net/netip"
	"time"
)

// Verdict is what becomes of a packet.
type Verdict string

const (
	Allowed  Verdict = "allow"
	Dropped  Verdict = "drop"
	Rejected Verdict = "reject"
)

// Names that stand in for a rule where none of the site's own decided.
const (
	ByDefault     = "(default)"      // the any-any-any drop at the end of every set
	BySpoof       = "(spoofed)"      // the source does not live behind the interface
	ByState       = "(out of state)" // cannot begin a connection and belongs to none
	ByEstablished = "(established)"  // belongs to a connection that was allowed
	ByRelated     = "(related)"      // an ICMP error about a connection that was allowed
	NotFiltered   = "(not filtered)" // never passes the firewall
	ByNeighbour   = "(neighbour discovery)"
	ByDHCP        = "(dhcp)"
	ByFailover    = "(failover)"
)

// Decision is what the site means for one packet, and the way to it.
type Decision struct {
	Verdict  Verdict
	RuleName string // the deciding rule, or one of the names in parentheses
	Rule     *Rule  // nil unless RuleName is a rule of the site or management
	Reason   string

	In, Out *Interface // nil: the firewall itself, or not known
	// Local is true for a packet to the firewall itself.
	Local    bool
	FromZone string // "" if in no zone
	ToZone   string

	// The packet as it leaves: after destination and source NAT.
	Src, Dst      netip.Addr
	DstPort       uint16
	DNAT, SNAT    *NAT
	SrcTranslated bool
	DstTranslated bool
	Limited       *Limit  // the limit of the deciding rule: over it, the verdict is drop
	SenderLimit   Rate    // the sender's limit on new connections towards the Internet
	Tried         []Trial // rules of the pair in order, up to and including the deciding one
}

// Trial is one rule that was held against the packet.
type Trial struct {
	Rule    *Rule
	Matched bool
	Why     string // what did not match
}

// Decide says what the site means for a packet, at a time that settles which
// exceptions hold. It is the reference for compiler and kernel and shares no
// code with them.
func (s *Site) Decide(p Packet, now time.Time) Decision {
	p.Src, p.Dst = p.Src.Unmap().WithZone(""), p.Dst.Unmap().WithZone("")
	d := Decision{Src: p.Src, Dst: p.Dst, DstPort: p.DstPort}
	if p.Src.Is4() != p.Dst.Is4() {
		return d.end(Dropped, ByDefault, "source and destination are of different address families")
	}
	if p.In == Local || (p.In == "" && s.Own().Contains(p.Src)) {
		return s.decideOutput(d, p, now)
	}
	if !s.enter(&d, &p) {
		return d
	}
	if p.IsNeighbourDiscovery() && d.Local {
		return d.end(Allowed, ByNeighbour, "neighbour discovery with hop limit 255 on its own link (RFC 4861)")
	}
	request := s.isDHCPRequest(d.In, p)
	if reason, spoofed := s.spoofed(d.In, p); spoofed && !request {
		return d.end(Dropped, BySpoof, reason)
	}
	if done := d.stateful(p); done {
		return d
	}
	if request {
		return d.end(Allowed, ByDHCP, "the firewall serves DHCP on "+d.In.Name)
	}
	s.destinationNAT(&d, &p)
	return s.decidePair(d, p, now)
}

// enter finds the interface a packet comes in by, and ends the decision for
// packets that the firewall never sees.
func (s *Site) enter(d *Decision, p *Packet) bool {
	if p.In != "" {
		if d.In = s.Interface(p.In); d.In == nil {
			*d = d.end(Dropped, ByDefault, fmt.Sprintf("the site has no interface %q", p.In))
			return false
		}
	} else if d.In = s.InterfaceOf(p.Src); d.In == nil {
		if z := s.InternetZone(); z != nil {
			d.In = z.Interface // an address of nobody comes from outside, if at all
		}
		if d.In == nil {
			*d = d.end(Dropped, BySpoof, fmt.Sprintf("%s belongs to no zone", p.Src))
			return false
		}
	}
	if z := s.ZoneOf(p.Src); z != nil && z.Interface == d.In {
		d.FromZone = z.Name
	}
	d.Local = s.Own().Contains(p.Dst) || s.IsSpecial(p.Dst) || p.Dst.IsMulticast() || p.Dst.IsLinkLocalUnicast()
	if p.In != "" || d.Local || d.FromZone == "" {
		return true
	}
	if to := s.ZoneOf(p.Dst); to != nil && to.Interface == d.In {
		d.ToZone, d.Out = to.Name, d.In
		*d = d.end(Allowed, NotFiltered, d.neighbours())
		return false
	}
	return true
}

func (d Decision) neighbours() string {
	if d.FromZone == d.ToZone {
		return fmt.Sprintf("both hosts are in zone %s: no firewall is between them", d.FromZone)
	}
	return fmt.Sprintf("%s and %s share interface %s", d.FromZone, d.ToZone, d.In.Name)
}

// spoofed applies anti-spoofing: a source must live behind the interface it
// comes in by. Transit addresses may only send ICMP errors.
func (s *Site) spoofed(in *Interface, p Packet) (reason string, yes bool) {
	if z := s.ZoneOf(p.Src); z != nil && z.Interface == in {
		return "", false
	}
	if s.Transit(in).Contains(p.Src) {
		if isICMPError(p) {
			return "", false
		}
		return fmt.Sprintf("%s is on the subnet of %s but in no zone", p.Src, in.Name), true
	}
	switch {
	case s.Own().Contains(p.Src):
		return fmt.Sprintf("%s is an address of the firewall itself", p.Src), true
	case s.ZoneOf(p.Src) != nil:
		return fmt.Sprintf("%s lives in zone %s, behind another interface than %s", p.Src, s.ZoneOf(p.Src).Name, in.Name), true
	}
	return fmt.Sprintf("%s does not live behind interface %s", p.Src, in.Name), true
}

// isICMPError: destination unreachable, time exceeded, parameter problem, and
// for IPv6 packet too big (RFC 792, RFC 4443). Redirects and source quench are
// not errors about a connection that a firewall should pass.
func isICMPError(p Packet) bool {
	switch {
	case p.Proto == ICMP && p.Src.Is4():
		return p.ICMPType == 3 || p.ICMPType == 11 || p.ICMPType == 12
	case p.Proto == ICMPv6 && p.Src.Is6():
		return p.ICMPType >= 1 && p.ICMPType <= 4
	}
	return false
}

// stateful settles packets that connection tracking knows about, or that can
// belong to no connection.
func (d *Decision) stateful(p Packet) bool {
	switch {
	case p.State == Established:
		*d = d.end(Allowed, ByEstablished, "belongs to a connection that a rule allowed")
	case p.State == Related && isICMPError(p):
		*d = d.end(Allowed, ByRelated, "an ICMP error about a connection that a rule allowed")
	case p.State == Related:
		*d = d.end(Dropped, ByState, "only ICMP errors are accepted as related")
	case p.State == Invalid || !p.BeginsConnection():
		*d = d.end(Dropped, ByState, "begins no connection and belongs to none")
	default:
		return false
	}
	return true
}

// decidePair finds the destination's zone and asks the rules.
func (s *Site) decidePair(d Decision, p Packet, now time.Time) Decision {
	from := s.Zone(d.FromZone)
	if from == nil {
		return d.end(Dropped, ByDefault, fmt.Sprintf("%s is in no zone", p.Src))
	}
	if d.Local = s.Own().Contains(p.Dst); d.Local {
		d.ToZone = "firewall"
		if !s.Itself().Contains(p.Dst) {
			return d.end(Dropped, ByDefault, fmt.Sprintf("%s is not an address of the firewall itself, and nothing is published there for this packet", p.Dst))
		}
		return s.decideRules(d, p, from, nil, now)
	}
	if s.IsSpecial(p.Dst) || p.Dst.IsMulticast() || p.Dst.IsLinkLocalUnicast() {
		return d.end(Dropped, ByDefault, fmt.Sprintf("%s is a broadcast, multicast, anycast or link-local address", p.Dst))
	}
	to := s.leave(&d, p)
	if to == nil {
		return d.end(Dropped, ByDefault, fmt.Sprintf("%s is in no zone", p.Dst))
	}
	if d.Out == d.In {
		return d.end(Dropped, ByDefault, fmt.Sprintf("comes in and would go out by interface %s: %s", d.In.Name, d.neighbours()))
	}
	d = s.decideRules(d, p, from, to, now)
	if d.Verdict == Allowed {
		s.sourceNAT(&d, p, from, to)
	}
	return d
}

// leave finds the zone and interface of the destination; nil if it has none, or
// if the route leads elsewhere than to the zone.
func (s *Site) leave(d *Decision, p Packet) *Zone {
	to := s.ZoneOf(p.Dst)
	route, ok := RouteTo(s.Routes(), p.Dst)
	if to == nil || !ok || route.Interface != to.Interface {
		return nil
	}
	d.ToZone, d.Out = to.Name, to.Interface
	return to
}

// decideRules holds the packet against the management rule and the site's rules
// in order. Zones are nil for the firewall itself.
func (s *Site) decideRules(d Decision, p Packet, from, to *Zone, now time.Time) Decision {
	if to == nil {
		if m := s.ManagementRule(); matchesEnds(m, p, from, to) && matchesServices(m, p) {
			d.Rule = m
			return d.end(Allowed, ManagementRuleName, "a named management station")
		}
	}
	if to != nil && to.Role == Internet && from != nil {
		d.SenderLimit = from.NewConnections
	}
	for _, r := range s.Rules {
		if !joins(r, from, to) {
			continue
		}
		why := mismatch(r, p, from, to, now)
		d.Tried = append(d.Tried, Trial{Rule: r, Matched: why == "", Why: why})
		if why != "" {
			continue
		}
		d.Rule, d.Limited = r, r.Limit
		switch r.Action {
		case Allow:
			return d.end(Allowed, r.Name, r.Because)
		case Reject:
			return d.end(Rejected, r.Name, r.Because)
		default:
			return d.end(Dropped, r.Name, r.Because)
		}
	}
	return d.end(Dropped, ByDefault, "no rule matches: any-any-any drop")
}

// joins reports whether the rule says anything about the pair of zones.
func joins(r *Rule, from, to *Zone) bool {
	return hasZone(r.From, from) && hasZone(r.To, to)
}

func hasZone(ends []Endpoint, z *Zone) bool {
	for _, e := range ends {
		if e.Zone == z {
			return true
		}
	}
	return false
}

func mismatch(r *Rule, p Packet, from, to *Zone, now time.Time) string {
	switch {
	case !r.Active(now):
		return "its exception has expired"
	case !matchesEnd(r.From, from, p.Src):
		return "source"
	case !matchesEnd(r.To, to, p.Dst):
		return "destination"
	case !matchesServices(r, p):
		return "service"
	case r.When.Source != nil && !listed(r.When.Source, p.Src):
		return "source is not in blocklist." + r.When.Source.Name
	case r.When.Destination != nil && !listed(r.When.Destination, p.Dst):
		return "destination is not in blocklist." + r.When.Destination.Name
	}
	return ""
}

func matchesEnds(r *Rule, p Packet, from, to *Zone) bool {
	return matchesEnd(r.From, from, p.Src) && matchesEnd(r.To, to, p.Dst)
}

func matchesEnd(ends []Endpoint, z *Zone, a netip.Addr) bool {
	for _, e := range ends {
		if e.Zone == z && (e.Addrs == nil || e.Addrs.Contains(a)) {
			return true
		}
	}
	return false
}

func matchesServices(r *Rule, p Packet) bool {
	for _, svc := range r.Services {
		if svc.MatchesPacket(p) {
			return true
		}
	}
	return false
}

func listed(b *Blocklist, a netip.Addr) bool { return b.Addrs != nil && b.Addrs.Contains(a) }

// decideOutput settles packets that the firewall itself sends.
func (s *Site) decideOutput(d Decision, p Packet, now time.Time) Decision {
	d.FromZone = "firewall"
	switch {
	case s.Own().Contains(p.Dst), p.Dst.Is6() && s.IsSpecial(p.Dst): // an anycast address is its own, too
		d.Local = true
		return d.end(Allowed, NotFiltered, "the firewall talks to itself")
	case p.IsNeighbourDiscovery():
		return d.end(Allowed, ByNeighbour, "neighbour discovery (RFC 4861)")
	case p.IsListenerReport():
		return d.end(Allowed, ByNeighbour, "a multicast listener report (RFC 3810)")
	case p.State == Related:
		return d.end(Allowed, ByRelated, "an error or a reset about a connection")
	case d.stateful(p):
		return d
	case s.dhcpReply(p) != nil:
		d.Out = s.dhcpReply(p)
		return d.end(Allowed, ByDHCP, "the firewall serves DHCP")
	case !s.Own().Contains(p.Src):
		return d.end(Dropped, BySpoof, fmt.Sprintf("%s is not an address of the firewall", p.Src))
	}
	to := s.leave(&d, p)
	if to == nil {
		return d.end(Dropped, ByDefault, fmt.Sprintf("%s is in no zone", p.Dst))
	}
	return s.decideRules(d, p, nil, to, now)
}

// isDHCPRequest: a client's broadcast or unicast to a DHCPv4 server (RFC 2131).
func (s *Site) isDHCPRequest(in *Interface, p Packet) bool {
	if !in.DHCP || p.Proto != UDP || p.SrcPort != 68 || p.DstPort != 67 || !p.Dst.Is4() {
		return false
	}
	z := s.ZoneOf(p.Src)
	client := z != nil && z.Interface == in
	if p.Dst == broadcast4 {
		return p.Src.IsUnspecified() || client
	}
	return interfaceHas(in, p.Dst) && client
}

// broadcast4 is the limited broadcast address (RFC 919).
var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// dhcpReply is the interface by which the server answers a client, also one that
// has no address yet; nil if the packet is no such answer.
func (s *Site) dhcpReply(p Packet) *Interface {
	if p.Proto != UDP || p.SrcPort != 67 || p.DstPort != 68 || !p.Dst.Is4() {
		return nil
	}
	for _, i := range s.Firewall.Interfaces {
		if z := s.ZoneOf(p.Dst); i.DHCP && interfaceHas(i, p.Src) && (p.Dst == broadcast4 || z != nil && z.Interface == i) {
			return i
		}
	}
	return nil
}

func interfaceHas(i *Interface, a netip.Addr) bool {
	for _, p := range i.Addresses {
		if p.Addr() == a {
			return true
		}
	}
	return false
}

// end settles the verdict.
func (d Decision) end(v Verdict, rule, reason string) Decision {
	d.Verdict, d.RuleName, d.Reason = v, rule, reason
	return d
}
