package compile

import (
	"fmt"

	"glacis/internal/nft"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// pairChain names the chain of a pair of zones; nil is the firewall itself.
func pairChain(from, to *policy.Zone) string {
	return "pair." + policy.ZoneName(from) + "." + policy.ZoneName(to)
}

// RuleCounter is the name of a rule's counter in the ruleset.
func RuleCounter(rule string) string {
	if rule == policy.ManagementRuleName {
		return "management"
	}
	return "rule." + rule
}

// pair fills the chain of one pair of zones: count, the sender's limit, the
// rules in order, and the drop of everything else.
func (b *builder) pair(from, to *policy.Zone) {
	c := b.chain(pairChain(from, to))
	if len(c.Rules) > 0 {
		return // reached from several interfaces
	}
	label := pairLabel(from, to)
	name := policy.ZoneName(from) + "." + policy.ZoneName(to)
	add(c, "", b.counter("pair."+name, "new connections "+label))
	rules := b.rulesFor(from, to)
	c = b.senderLimit(c, from, to, len(rules) > 0)
	for len(rules) > 0 {
		n := b.mergedRun(c, rules, from, to)
		if n == 0 {
			b.emitRule(c, rules[0], from, to)
			n = 1
		}
		rules = rules[n:]
	}
	b.dropTail(c, label+" (default)", "drop."+name)
}

// rulesFor returns the active rules that say anything about the pair, in order.
func (b *builder) rulesFor(from, to *policy.Zone) []*policy.Rule {
	var out []*policy.Rule
	for _, r := range b.site.Rules {
		if r.Active(b.now) && endIn(r.From, from) && endIn(r.To, to) {
			out = append(out, r)
		}
	}
	return out
}

func endIn(ends []policy.Endpoint, z *policy.Zone) bool {
	for _, e := range ends {
		if e.Zone == z {
			return true
		}
	}
	return false
}

// senderLimit bounds each source's new connections towards the Internet. The
// rules follow in a chain of their own that a packet enters only if it could be
// counted and is under the limit: where nothing can be counted nothing passes.
func (b *builder) senderLimit(c *nft.Chain, from, to *policy.Zone, needed bool) *nft.Chain {
	if !needed || from == nil || to == nil || to.Role != policy.Internet || from.NewConnections.PerSecond == 0 {
		return c
	}
	rest := b.chain("limited." + from.Name + "." + to.Name)
	for _, f := range families {
		if ranges := f.ranges(b.site.Set(from)); len(ranges) > 0 {
			set := b.dynamicSet(f, "senders"+f.digit+"."+from.Name, sources(ranges))
			add(c, "", nft.Update{Set: set, Key: []nft.Field{f.saddr}, Limit: limitOf(from.NewConnections)}, goTo(rest.Name))
		}
	}
	b.dropTail(c, pairLabel(from, to)+" (sender limit)", "over."+from.Name+"."+to.Name)
	return rest
}

const maxSources = 65536

// sources is how large a set of sources must be to hold all of them, within
// what a firewall's memory should carry.
func sources(ranges []netipx.IPRange) int {
	n := 0
	for _, r := range ranges {
		lo, hi := r.From().As16(), r.To().As16()
		for k := range 13 {
			if lo[k] != hi[k] {
				return maxSources
			}
		}
		n += (int(hi[13])-int(lo[13]))<<16 + (int(hi[14])-int(lo[14]))<<8 + int(hi[15]) - int(lo[15]) + 1
	}
	return min(n, maxSources)
}

func limitOf(r policy.Rate) *nft.Limit {
	burst := r.Burst
	if burst == 0 {
		burst = r.PerSecond
	}
	return &nft.Limit{Rate: r.PerSecond, Per: "second", Burst: burst}
}

// emitRule writes one rule as lines of its own.
func (b *builder) emitRule(c *nft.Chain, r *policy.Rule, from, to *policy.Zone) {
	count := b.ruleCounter(r)
	label := pairLabel(from, to) + " " + r.Name
	comment := comment(r)
	for _, l := range b.lines(r, from, to) {
		switch {
		case r.Limit != nil:
			add(c, comment, l.with(jump(b.limitChain(r)))...)
			b.logLines(c, l, label+" (limit)")
			add(c, comment, l.with(b.counter("over."+r.Name, r.Range.FileLine()), drop())...)
		case r.Action == policy.Allow && r.Log:
			add(c, comment, l.with(count, b.logStmt("allow", label), accept())...)
		case r.Action == policy.Allow:
			add(c, comment, l.with(count, accept())...)
		case r.Action == policy.Reject:
			b.logLines(c, l, label)
			add(c, comment, l.with(count, l.reject())...)
		default:
			b.logLines(c, l, label)
			add(c, comment, l.with(count, drop())...)
		}
	}
}

func (b *builder) ruleCounter(r *policy.Rule) nft.Stmt {
	return b.counter(RuleCounter(r.Name), r.Range.FileLine())
}

func comment(r *policy.Rule) string { return fmt.Sprintf("%s %s", r.Name, r.Range.FileLine()) }

// logLines logs what a line drops, rate-limited per source.
func (b *builder) logLines(c *nft.Chain, l line, why string) {
	for _, f := range families {
		if l.in(f) {
			add(c, "", l.with(b.logRated(f), b.logStmt("drop", why))...)
		}
	}
}

// limitChain accepts and counts what is under a rule's limit, and returns for
// the rest. It is one chain for all pairs and families, so that the limit is
// one too.
func (b *builder) limitChain(r *policy.Rule) string {
	name := "limit." + r.Name
	if b.chains[name] != nil {
		return name
	}
	c := b.chain(name)
	count := b.ruleCounter(r)
	pass := []nft.Stmt{count}
	if r.Log {
		pass = append(pass, b.logStmt("allow", r.Name))
	}
	pass = append(pass, accept())
	if !r.Limit.PerSource {
		add(c, "", append([]nft.Stmt{*limitOf(r.Limit.Rate)}, pass...)...)
		return name
	}
	for _, f := range families {
		set := b.dynamicSet(f, "limit"+f.digit+"."+r.Name, maxSources)
		add(c, "", append([]nft.Stmt{nft.Update{Set: set, Key: []nft.Field{f.saddr}, Limit: limitOf(r.Limit.Rate)}}, pass...)...)
	}
	return name
}
