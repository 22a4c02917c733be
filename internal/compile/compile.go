package compile

import (
	"time"

	"glacis/internal/diag"
	"glacis/internal/nft"
	"glacis/internal/policy"
)

// TableName is the one table, of family inet, that Glacis owns.
const TableName = "glacis"

// LogGroup is the nflog group that receives logged packets.
const LogGroup = 1

// Options say for which moment to compile: it settles which exceptions hold.
type Options struct{ Now time.Time }

// Compile works out the configuration of one node, which must be one of the
// site's. The site must have been validated. What cannot be expressed exactly
// is an error, and then there is no Config.
func Compile(site *policy.Site, node string, opt Options) (*Config, diag.List) {
	return compile(site, node, opt, minRun)
}

// compile merges runs of at least so many rules.
func compile(site *policy.Site, node string, opt Options, run int) (*Config, diag.List) {
	var diags diag.List
	n := site.Node(node)
	if n == nil {
		diags.Errorf(site.Firewall.Range, "unknown-node", "the firewall has no node %q", node)
		return nil, diags
	}
	b := newBuilder(site, n, opt.Now)
	b.run = run
	b.build()
	if err := (&nft.Ruleset{Tables: []*nft.Table{b.table}}).Validate(); err != nil && !b.diags.HasErrors() {
		b.diags.Errorf(site.Range, "not-expressible", "the ruleset cannot be written exactly: %v", err).
			Fix = "this is a fault in Glacis: please report it with the site"
	}
	if b.diags.HasErrors() {
		return nil, b.diags
	}
	cfg := &Config{
		Site:      site.Name,
		Node:      node,
		Ruleset:   &nft.Ruleset{Tables: []*nft.Table{b.table}},
		Links:     links(site),
		Addresses: addresses(site, n),
		Routes:    routes(site),
		Sysctls:   sysctls(site),
	}
	return cfg, b.diags
}

// builder collects the table of one node.
type builder struct {
	site  *policy.Site
	node  *policy.Node
	now   time.Time
	run   int // the shortest run of rules that is merged
	table *nft.Table
	diags diag.List

	chains   map[string]*nft.Chain
	counters map[string]*nft.Counter
	sets     map[string]*nft.Set
}

func newBuilder(site *policy.Site, node *policy.Node, now time.Time) *builder {
	return &builder{
		site: site, node: node, now: now,
		table:    &nft.Table{Family: "inet", Name: TableName},
		chains:   map[string]*nft.Chain{},
		counters: map[string]*nft.Counter{},
		sets:     map[string]*nft.Set{},
	}
}

// build emits the chains in the order a packet meets them.
func (b *builder) build() {
	b.antiSpoofing()
	b.destinationNAT()
	b.input()
	b.forward()
	b.output()
	b.sourceNAT()
}

// chain returns the chain of that name, made at the end of the table if new.
func (b *builder) chain(name string) *nft.Chain {
	c := b.chains[name]
	if c == nil {
		c = &nft.Chain{Name: name}
		b.chains[name] = c
		b.table.Chains = append(b.table.Chains, c)
	}
	return c
}

func (b *builder) base(name, kind, hook string, priority int, policy string) *nft.Chain {
	c := b.chain(name)
	c.Base = &nft.Base{Type: kind, Hook: hook, Priority: priority, Policy: policy}
	return c
}

// counter declares a named counter once and returns the statement that adds to it.
func (b *builder) counter(name, comment string) nft.Stmt {
	if b.counters[name] == nil {
		c := &nft.Counter{Name: name, Comment: comment}
		b.counters[name] = c
		b.table.Counters = append(b.table.Counters, c)
	}
	return nft.Count{Name: name}
}

// set declares a set once and returns its name.
func (b *builder) set(s *nft.Set) string {
	if b.sets[s.Name] == nil {
		b.sets[s.Name] = s
		b.table.Sets = append(b.table.Sets, s)
	}
	return s.Name
}

func add(c *nft.Chain, comment string, stmts ...nft.Stmt) {
	c.Rules = append(c.Rules, &nft.Rule{Stmts: stmts, Comment: comment})
}

func accept() nft.Stmt            { return nft.Verdict{Kind: nft.Accept} }
func drop() nft.Stmt              { return nft.Verdict{Kind: nft.Drop} }
func jump(chain string) nft.Stmt  { return nft.Verdict{Kind: nft.Jump, Chain: chain} }
func goTo(chain string) nft.Stmt  { return nft.Verdict{Kind: nft.Goto, Chain: chain} }
func to(c string) *nft.Verdict    { return &nft.Verdict{Kind: nft.Goto, Chain: c} }
func in(links ...string) nft.Stmt { return named(nft.IIFName, links) }
func out(links ...string) nft.Stmt {
	return named(nft.OIFName, links)
}

func named(f nft.Field, links []string) nft.Stmt {
	m := nft.Match{Key: []nft.Field{f}}
	for _, l := range links {
		m.Values = append(m.Values, nft.Element{Key: []nft.Value{nft.Str(l)}})
	}
	return m
}

// is compares a field with numbers.
func is[T ~int | ~uint8 | ~uint16](f nft.Field, values ...T) nft.Stmt {
	m := nft.Match{Key: []nft.Field{f}}
	for _, v := range values {
		m.Values = append(m.Values, nft.Element{Key: []nft.Value{nft.N(v)}})
	}
	return m
}
