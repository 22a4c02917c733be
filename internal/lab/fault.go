package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"glacis/internal/compile"
	"glacis/internal/nft"
)

// Fault is a mistake planted in what a node loads, to show that the lab finds
// it: a test that cannot fail proves nothing.
type Fault struct {
	Name  string
	Means string
	plant func(*ground) bool // false: there is nothing to plant it in
}

// Plant changes the configuration. It is an error if the site has nothing that
// the fault could be planted in.
func (f Fault) Plant(cfg *compile.Config) error {
	if !f.plant(&ground{cfg.Ruleset.Tables[0], cfg}) {
		return fmt.Errorf("fault %s: this site has nothing to plant it in", f.Name)
	}
	return nil
}

// FaultNamed returns the fault of that name.
func FaultNamed(name string) (Fault, bool) {
	k := slices.IndexFunc(Faults, func(f Fault) bool { return f.Name == name })
	if k < 0 {
		return Fault{}, false
	}
	return Faults[k], true
}

// Faults are those the lab knows.
var Faults = []Fault{
	{"pair-swapped", "two zone pairs lead to each other's rules", func(g *ground) bool { return g.swapTargets("leg.outside.", "pair.") }},
	{"pair-missing", "an interface pair leads nowhere", func(g *ground) bool { return g.dropElement("pairs", 0) }},
	{"rule-dropped", "a rule is missing", func(g *ground) bool { return g.dropRule("pair.internet.", isAllow) }},
	{"rule-twice-as-wide-port", "a rule opens one port more", func(g *ground) bool { return g.editPorts(func(n nft.Num) nft.Num { n.Hi++; return n }) }},
	{"rule-port-lost", "a rule has lost its port", func(g *ground) bool { return g.dropPorts() }},
	{"rule-port-shifted", "a rule opens the next port instead", func(g *ground) bool { return g.editPorts(func(n nft.Num) nft.Num { n.Lo++; n.Hi++; return n }) }},
	{"source-one-bit-wider", "a rule's source is one bit wider", func(g *ground) bool { return g.editAddress("pair.", nft.IPSaddr, widen) }},
	{"destination-one-bit-wider", "a rule's destination is one bit wider", func(g *ground) bool { return g.editAddress("pair.", nft.IPDaddr, widen) }},
	{"destination-lost", "a rule has lost its destination", func(g *ground) bool { return g.dropMatch("pair.internet.", nft.IPDaddr) }},
	{"source-lost", "a rule has lost its source", func(g *ground) bool {
		return g.dropMatchWhere("pair.", nft.IPSaddr, func(r *nft.Rule) bool { return isAllow(r) && len(r.Stmts) > 2 })
	}},
	{"zone-one-address-wider", "a zone has one address too many", func(g *ground) bool { return g.widenSet("zone4.guest") }},
	{"negation-lost", "the match that keeps broadcasts out has lost its negation", func(g *ground) bool { return g.loseNegation(nft.FibDaddrType) }},
	{"syn-negation-lost", "the SYN check is the wrong way round", func(g *ground) bool { return g.loseNegation(nft.TCPFlags) }},
	{"state-unchecked", "packets that belong to no connection are treated as new", func(g *ground) bool { return g.acceptInvalid() }},
	{"untracked-accepted", "invalid packets are accepted", func(g *ground) bool { return g.addState("forward", nft.CTInvalid) }},
	{"spoof-check-removed", "one interface does not check sources", func(g *ground) bool { return g.acceptAtStart("spoof.guest") || g.acceptAtStart("spoof.") }},
	{"spoof-check-off", "no interface checks sources", func(g *ground) bool { return g.acceptAtStart("prerouting") }},
	{"spoof-v6-only", "sources are checked for IPv6 only", func(g *ground) bool { return g.acceptFamily("spoof.", nft.NFProto, 2) }},
	{"management-open", "every host reaches the firewall's management", func(g *ground) bool { return g.dropMatchWhere("new.input", nft.IPSaddr, isManagement) }},
	{"management-wider", "management answers on one port more", func(g *ground) bool { return g.widenManagement() }},
	{"management-lost", "the stations are locked out", func(g *ground) bool { return g.dropRule("new.input", isManagement) }},
	{"default-accept", "the last rule of a pair accepts", func(g *ground) bool { return g.dropToAccept("pair.dmz.internet", "pair.guest.") }},
	{"every-default-accept", "every last rule accepts", func(g *ground) bool { return g.dropToAccept("pair.", "limited.") }},
	{"input-open", "the firewall itself accepts everything", func(g *ground) bool { return g.acceptAtStart("new.input") }},
	{"output-open", "the firewall itself may send anything", func(g *ground) bool { return g.acceptAtStart("new.output") }},
	{"v6-forgotten", "IPv6 sources are not let in", func(g *ground) bool { return g.dropRule("spoof.outside", onField(nft.IP6Saddr)) }},
	{"v6-rule-forgotten", "a rule lacks its IPv6 half", func(g *ground) bool { return g.dropRule("pair.internet.", onField(nft.IP6Daddr)) }},
	{"v6-open", "IPv6 passes unchecked", func(g *ground) bool { return g.acceptFamily("new.forward", nft.NFProto, 10) }},
	{"snat-lost", "inside addresses leave untranslated", func(g *ground) bool { return g.dropTranslation("srcnat", "snat") }},
	{"snat-address", "sources are translated to another address", func(g *ground) bool {
		return g.editTranslation("srcnat", func(t *nft.Translate) { t.Addr = t.Addr.Next() })
	}},
	{"dnat-lost", "a published service is not translated", func(g *ground) bool { return g.dropTranslation("dstnat", "dnat") }},
	{"dnat-port", "a published service leads to another port", func(g *ground) bool {
		return g.editTranslation("dstnat", func(t *nft.Translate) { t.Port = t.Port + 1 })
	}},
	{"dnat-everything", "a published address is translated on every port", func(g *ground) bool { return g.portLost("dstnat") }},
	{"nat-exemption-lost", "a zone that is never translated is", func(g *ground) bool { return g.exemptionLost() }},
	{"icmp-errors-open", "ICMP errors are accepted unasked", func(g *ground) bool { return g.icmpErrorsOpen() }},
	{"related-lost", "ICMP errors about connections are dropped", func(g *ground) bool { return g.dropElementValue("forward", nft.CTRelated) }},
	{"established-lost", "replies are dropped", func(g *ground) bool { return g.dropElementValue("forward", nft.CTEstablished) }},
	{"vlan-unchecked", "the sources of an interface are not checked", func(g *ground) bool { return g.interfaceUnchecked() }},
	{"vlan-without-chain", "an interface leads to no chain", func(g *ground) bool { return g.interfaceForgotten() }},
	{"interface-by-wildcard", "one interface's check serves all", func(g *ground) bool { return g.wildcardInterface() }},
	{"rule-limit-lost", "a rule has lost its limit", func(g *ground) bool { return g.limitLost("limit.") }},
	{"sender-limit-lost", "a zone has lost its limit towards the Internet", func(g *ground) bool { return g.limitLost("pair.") }},
	{"limit-doubled", "a limit is three times as high", func(g *ground) bool { return g.limitRaised() }},
	{"reject-silent", "a reject drops in silence", func(g *ground) bool { return g.rejectToDrop() }},
	{"drop-accepts", "a drop rule accepts", func(g *ground) bool { return g.blockRuleAccepts() }},
	{"blocklist-emptied", "a block list is empty", func(g *ground) bool { return g.emptySet("blocklist4.") }},
	{"blocklist-everything", "a block list matches every address", func(g *ground) bool { return g.fillSet("blocklist4.") }},
	{"order-swapped", "two rules have changed places", func(g *ground) bool { return g.reverse("pair.internet.dmz") }},
	{"counter-confused", "a rule counts as another", func(g *ground) bool { return g.confuseCounters() }},
	{"forwarding-off", "the kernel does not forward", func(g *ground) bool { return g.sysctl("net/ipv4/ip_forward", "0") }},
	{"loose-tracking", "the tracker picks up connections in the middle, and the SYN check is gone", func(g *ground) bool {
		return g.sysctl("net/netfilter/nf_conntrack_tcp_loose", "1") && g.dropRule("new.forward", onField(nft.TCPFlags))
	}},
	{"route-missing", "a zone has no route", func(g *ground) bool {
		if len(g.cfg.Routes) == 0 {
			return false
		}
		g.cfg.Routes = g.cfg.Routes[1:]
		return true
	}},
}

// ground is a table to plant faults in.
type ground struct {
	table *nft.Table
	cfg   *compile.Config
}

func (g *ground) chains(prefixes ...string) []*nft.Chain {
	var out []*nft.Chain
	for _, c := range g.table.Chains {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(c.Name, p) }) {
			out = append(out, c)
		}
	}
	return out
}

func (g *ground) set(prefix string) *nft.Set {
	for _, s := range g.table.Sets {
		if strings.HasPrefix(s.Name, prefix) {
			return s
		}
	}
	return nil
}

type ruleTest func(*nft.Rule) bool

func isVerdict(r *nft.Rule, kind nft.VerdictKind) bool {
	v, ok := r.Stmts[len(r.Stmts)-1].(nft.Verdict)
	return ok && v.Kind == kind
}

func isAllow(r *nft.Rule) bool      { return isVerdict(r, nft.Accept) }
func isManagement(r *nft.Rule) bool { return strings.HasPrefix(r.Comment, "management station") }

func onField(f nft.Field) ruleTest {
	return func(r *nft.Rule) bool { return matchOn(r, f) >= 0 && !logs(r) }
}

func logs(r *nft.Rule) bool {
	return slices.ContainsFunc(r.Stmts, func(s nft.Stmt) bool { _, ok := s.(nft.Log); return ok })
}

// matchOn finds the statement that matches a field.
func matchOn(r *nft.Rule, f nft.Field) int {
	return slices.IndexFunc(r.Stmts, func(s nft.Stmt) bool {
		m, ok := s.(nft.Match)
		return ok && len(m.Key) == 1 && m.Key[0] == f
	})
}

func (g *ground) find(prefix string, test ruleTest) (*nft.Chain, int) {
	for _, c := range g.chains(prefix) {
		if k := slices.IndexFunc(c.Rules, test); k >= 0 {
			return c, k
		}
	}
	return nil, -1
}

func (g *ground) dropRule(prefix string, test ruleTest) bool {
	c, k := g.find(prefix, test)
	if c == nil {
		return false
	}
	c.Rules = slices.Delete(c.Rules, k, k+1)
	return true
}

func (g *ground) swapTargets(chainPrefix, targetPrefix string) bool {
	var found []*nft.Rule
	for _, c := range g.chains(chainPrefix) {
		for _, r := range c.Rules {
			if v, ok := r.Stmts[len(r.Stmts)-1].(nft.Verdict); ok && strings.HasPrefix(v.Chain, targetPrefix) {
				found = append(found, r)
			}
		}
	}
	for _, r := range found[1:] {
		a, b := found[0].Stmts, r.Stmts
		if a[len(a)-1] != b[len(b)-1] {
			a[len(a)-1], b[len(b)-1] = b[len(b)-1], a[len(a)-1]
			return true
		}
	}
	return false
}

func (g *ground) dropElement(set string, k int) bool {
	s := g.set(set)
	if s == nil || len(s.Elements) <= k {
		return false
	}
	s.Elements = slices.Delete(s.Elements, k, k+1)
	return true
}

// editPorts changes the ports of the first allow rule that has any.
func (g *ground) editPorts(edit func(nft.Num) nft.Num) bool {
	c, k := g.find("pair.", func(r *nft.Rule) bool { return matchOn(r, nft.TCPDport) >= 0 && isAllow(r) })
	if c == nil {
		return false
	}
	r := c.Rules[k]
	m := r.Stmts[matchOn(r, nft.TCPDport)].(nft.Match)
	last := &m.Values[len(m.Values)-1]
	last.Key = []nft.Value{edit(last.Key[0].(nft.Num))}
	return true
}

func (g *ground) dropPorts() bool { return g.portLost("pair.") }

// portLost lets the first rule with a TCP port match every one.
func (g *ground) portLost(prefix string) bool {
	c, k := g.find(prefix, func(r *nft.Rule) bool { return matchOn(r, nft.TCPDport) >= 0 && !logs(r) })
	if c == nil {
		return false
	}
	r := c.Rules[k]
	r.Stmts[matchOn(r, nft.TCPDport)] = nft.Match{Key: []nft.Field{nft.L4Proto}, Values: []nft.Element{{Key: []nft.Value{nft.N(6)}}}}
	return true
}

// widen takes one bit of a range away: the range becomes the prefix around it.
func widen(a nft.Addr) nft.Addr {
	for bits := a.Lo.BitLen() - 1; bits > 0; bits-- {
		p := netip.PrefixFrom(a.Lo, bits).Masked()
		if p.Contains(a.Hi) && (p.Addr() != a.Lo || lastOf(p) != a.Hi) {
			return nft.Addr{Lo: p.Addr(), Hi: lastOf(p)}
		}
	}
	return a
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for k := p.Bits(); k < len(b)*8; k++ {
		b[k/8] |= 0x80 >> (k % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (g *ground) editAddress(prefix string, f nft.Field, edit func(nft.Addr) nft.Addr) bool {
	c, k := g.find(prefix, func(r *nft.Rule) bool {
		at := matchOn(r, f)
		return at >= 0 && isAllow(r) && len(r.Stmts[at].(nft.Match).Values) == 1
	})
	if c == nil {
		return false
	}
	m := c.Rules[k].Stmts[matchOn(c.Rules[k], f)].(nft.Match)
	m.Values[0].Key = []nft.Value{edit(m.Values[0].Key[0].(nft.Addr))}
	return true
}

func (g *ground) dropMatch(prefix string, f nft.Field) bool {
	return g.dropMatchWhere(prefix, f, func(r *nft.Rule) bool { return !logs(r) && len(r.Stmts) > 2 })
}

func (g *ground) dropMatchWhere(prefix string, f nft.Field, test ruleTest) bool {
	c, k := g.find(prefix, func(r *nft.Rule) bool { return test(r) && matchOn(r, f) >= 0 })
	if c == nil {
		return false
	}
	r := c.Rules[k]
	at := matchOn(r, f)
	r.Stmts = slices.Delete(slices.Clone(r.Stmts), at, at+1)
	return true
}

// widenSet adds to a set the first address after the subnet that its last range
// belongs to.
func (g *ground) widenSet(name string) bool {
	s := g.set(name)
	if s == nil || len(s.Elements) == 0 {
		return false
	}
	last := &s.Elements[len(s.Elements)-1]
	a := last.Key[0].(nft.Addr)
	last.Key = []nft.Value{nft.Addr{Lo: a.Lo, Hi: a.Hi.Next().Next()}}
	return true
}

func (g *ground) loseNegation(f nft.Field) bool {
	c, k := g.find("new.", func(r *nft.Rule) bool { return matchOn(r, f) >= 0 })
	if c == nil {
		return false
	}
	r := c.Rules[k]
	m := r.Stmts[matchOn(r, f)].(nft.Match)
	m.Not = false
	r.Stmts[matchOn(r, f)] = m
	return true
}

func accept() *nft.Rule { return &nft.Rule{Stmts: []nft.Stmt{nft.Verdict{Kind: nft.Accept}}} }

func (g *ground) acceptAtStart(prefix string) bool {
	chains := g.chains(prefix)
	if len(chains) == 0 {
		return false
	}
	c := chains[0]
	c.Rules = append([]*nft.Rule{accept()}, c.Rules...)
	return true
}

func (g *ground) acceptFamily(prefix string, f nft.Field, family int) bool {
	done := false
	for _, c := range g.chains(prefix) {
		r := accept()
		r.Stmts = append([]nft.Stmt{nft.Match{Key: []nft.Field{f}, Values: []nft.Element{{Key: []nft.Value{nft.N(family)}}}}}, r.Stmts...)
		c.Rules = append([]*nft.Rule{r}, c.Rules...)
		done = true
	}
	return done
}

// acceptInvalid removes the SYN check and sends invalid packets to the rules.
func (g *ground) acceptInvalid() bool {
	return g.dropRule("new.forward", onField(nft.TCPFlags)) && g.stateTo("forward", nft.CTInvalid, "new.forward")
}

func (g *ground) addState(chain string, state int) bool { return g.stateTo(chain, state, "") }

// stateTo adds a connection state to a base chain's map: to a chain, or accept.
func (g *ground) stateTo(chain string, state int, target string) bool {
	v := &nft.Verdict{Kind: nft.Accept}
	if target != "" {
		v = &nft.Verdict{Kind: nft.Goto, Chain: target}
	}
	return g.editStates(chain, func(e []nft.Element) []nft.Element {
		return append(e, nft.Element{Key: []nft.Value{nft.N(state)}, Verdict: v})
	})
}

func (g *ground) editStates(chain string, edit func([]nft.Element) []nft.Element) bool {
	for _, c := range g.chains(chain) {
		for _, r := range c.Rules {
			if m, ok := r.Stmts[0].(nft.VMap); ok && c.Name == chain && m.Key[0] == nft.CTStateF {
				m.Elements = edit(m.Elements)
				r.Stmts[0] = m
				return true
			}
		}
	}
	return false
}

func (g *ground) dropElementValue(chain string, state uint64) bool {
	return g.editStates(chain, func(all []nft.Element) []nft.Element {
		return slices.DeleteFunc(all, func(e nft.Element) bool { return e.Key[0] == nft.Value(nft.N(state)) })
	})
}

func (g *ground) widenManagement() bool {
	c, k := g.find("new.input", isManagement)
	if c == nil {
		return false
	}
	m := c.Rules[k].Stmts[matchOn(c.Rules[k], nft.TCPDport)].(nft.Match)
	n := m.Values[0].Key[0].(nft.Num)
	m.Values[0].Key = []nft.Value{nft.Num{Lo: n.Lo, Hi: n.Hi + 1}}
	return true
}

func (g *ground) dropToAccept(prefixes ...string) bool {
	done := false
	for _, c := range g.chains(prefixes...) {
		last := c.Rules[len(c.Rules)-1]
		if isVerdict(last, nft.Drop) {
			last.Stmts[len(last.Stmts)-1] = nft.Verdict{Kind: nft.Accept}
			done = true
		}
	}
	return done
}

func translates(kind string) ruleTest {
	return func(r *nft.Rule) bool {
		t, ok := r.Stmts[len(r.Stmts)-1].(nft.Translate)
		return ok && t.Kind == kind
	}
}

func (g *ground) dropTranslation(chain, kind string) bool { return g.dropRule(chain, translates(kind)) }

func (g *ground) editTranslation(chain string, edit func(*nft.Translate)) bool {
	kind := map[string]string{"srcnat": "snat", "dstnat": "dnat"}[chain]
	c, k := g.find(chain, func(r *nft.Rule) bool {
		return translates(kind)(r) && (kind == "snat" || r.Stmts[len(r.Stmts)-1].(nft.Translate).Port != 0)
	})
	if c == nil {
		return false
	}
	stmts := c.Rules[k].Stmts
	t := stmts[len(stmts)-1].(nft.Translate)
	edit(&t)
	stmts[len(stmts)-1] = t
	return true
}

// exemptionLost drops the exemption and translates the zone as others are.
func (g *ground) exemptionLost() bool {
	c, k := g.find("dstnat", isAllow)
	if c == nil {
		return false
	}
	c.Rules = slices.Delete(c.Rules, k, k+1)
	return true
}

func (g *ground) icmpErrorsOpen() bool {
	for _, c := range g.chains("forward") {
		r := accept()
		r.Stmts = append([]nft.Stmt{nft.Match{Key: []nft.Field{nft.ICMPTypeF}, Values: []nft.Element{{Key: []nft.Value{nft.N(3)}}, {Key: []nft.Value{nft.N(11)}}}}}, r.Stmts...)
		c.Rules = append([]*nft.Rule{r}, c.Rules...)
		return true
	}
	return false
}

func (g *ground) prerouting() (*nft.Rule, nft.VMap, bool) {
	for _, c := range g.chains("prerouting") {
		if m, ok := c.Rules[0].Stmts[0].(nft.VMap); ok {
			return c.Rules[0], m, true
		}
	}
	return nil, nft.VMap{}, false
}

// interfaceForgotten lets an interface past the checks of sources.
// interfaceUnchecked lets the packets of an interface with one zone in without
// a check of their source. (Where an interface carries several, the way to the
// zone pair asks for the source once more.)
func (g *ground) interfaceUnchecked() bool {
	_, m, ok := g.prerouting()
	k := slices.IndexFunc(m.Elements, func(e nft.Element) bool { return e.Verdict.Chain == "spoof.guest" })
	if !ok || k < 0 {
		return false
	}
	m.Elements[k].Verdict = &nft.Verdict{Kind: nft.Accept}
	return true
}

// interfaceForgotten leaves the second interface out of the first map.
func (g *ground) interfaceForgotten() bool {
	r, m, ok := g.prerouting()
	if !ok || len(m.Elements) < 3 {
		return false
	}
	m.Elements = slices.Delete(m.Elements, 2, 3)
	r.Stmts[0] = m
	return true
}

// wildcardInterface sends every interface to the check of the first.
func (g *ground) wildcardInterface() bool {
	r, m, ok := g.prerouting()
	if !ok || len(m.Elements) < 3 {
		return false
	}
	for k := range m.Elements[1:] {
		m.Elements[k+1].Verdict = m.Elements[1].Verdict
	}
	r.Stmts[0] = m
	return true
}

func (g *ground) limitLost(prefix string) bool {
	done := false
	for _, c := range g.chains(prefix) {
		for _, r := range c.Rules {
			if logs(r) {
				continue
			}
			n := len(r.Stmts)
			r.Stmts = slices.DeleteFunc(r.Stmts, func(s nft.Stmt) bool {
				switch s.(type) {
				case nft.Update, nft.Limit:
					return true
				}
				return false
			})
			done = done || len(r.Stmts) < n
		}
	}
	return done
}

func (g *ground) limitRaised() bool {
	for _, c := range g.chains("limit.") {
		for _, r := range c.Rules {
			if u, ok := r.Stmts[0].(nft.Update); ok {
				u.Limit = &nft.Limit{Rate: u.Limit.Rate * 3, Per: u.Limit.Per, Burst: u.Limit.Burst * 3}
				r.Stmts[0] = u
				return true
			}
		}
	}
	return false
}

func (g *ground) rejectToDrop() bool {
	c, k := g.find("", func(r *nft.Rule) bool { _, ok := r.Stmts[len(r.Stmts)-1].(nft.RejectWith); return ok })
	if c == nil {
		return false
	}
	stmts := c.Rules[k].Stmts
	stmts[len(stmts)-1] = nft.Verdict{Kind: nft.Drop}
	return true
}

func (g *ground) blockRuleAccepts() bool {
	c, k := g.find("pair.", func(r *nft.Rule) bool {
		return r.Comment != "" && isVerdict(r, nft.Drop) && matchOn(r, nft.IPSaddr) >= 0
	})
	if c == nil {
		return false
	}
	stmts := c.Rules[k].Stmts
	stmts[len(stmts)-1] = nft.Verdict{Kind: nft.Accept}
	return true
}

func (g *ground) emptySet(prefix string) bool {
	s := g.set(prefix)
	if s == nil {
		return false
	}
	s.Elements = nil
	return true
}

func (g *ground) fillSet(prefix string) bool {
	s := g.set(prefix)
	if s == nil {
		return false
	}
	s.Elements = []nft.Element{{Key: []nft.Value{nft.Addr{Lo: netip.MustParseAddr("0.0.0.0"), Hi: netip.MustParseAddr("255.255.255.255")}}}}
	return true
}

func (g *ground) reverse(chain string) bool {
	for _, c := range g.chains(chain) {
		last := len(c.Rules) - 3 // the drop and its logs stay at the end
		slices.Reverse(c.Rules[1:last])
		return last > 2
	}
	return false
}

// confuseCounters lets the first two rules with counters count for each other.
func (g *ground) confuseCounters() bool {
	c, k := g.find("pair.", func(r *nft.Rule) bool { return isAllow(r) && len(r.Stmts) > 2 })
	if c == nil {
		return false
	}
	r := c.Rules[k]
	for i, s := range r.Stmts {
		if count, ok := s.(nft.Count); ok && strings.HasPrefix(count.Name, "rule.") {
			r.Stmts[i] = nft.Count{Name: "drop.state"}
			return true
		}
	}
	return false
}

func (g *ground) sysctl(key, value string) bool {
	for k, s := range g.cfg.Sysctls {
		if s.Key == key {
			g.cfg.Sysctls[k].Value = value
			return true
		}
	}
	return false
}
