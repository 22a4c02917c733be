package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Result is what a ruleset does with a packet.
type Result struct {
	Verdict  string // accept, drop or reject
	Chain    string // where it was decided
	Rule     *Rule  // nil: the policy of the base chain
	Counters []string
	Logs     []Log
	Local    bool   // delivered to this machine
	OIF      string // the link it leaves by
	// The packet after translation.
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
}

// Verdicts of a Result.
const (
	Accepted = "accept"
	Dropped  = "drop"
	Rejected = "reject"
)

// priorityConntrack is where connection tracking hooks in (NF_IP_PRI_CONNTRACK):
// in chains before it the packet has no state yet.
const priorityConntrack = -200

// NoRoute stands for the chain where a packet is lost for want of a route.
const NoRoute = "(no route)"

// Eval says what the ruleset does with one packet, hook by hook as the kernel
// runs them: prerouting, routing, input or forward, postrouting; or output and
// postrouting for a packet of this machine's own. Chains of type nat are asked
// only about new connections. A statement or reference that is not understood
// is an error, never an answer.
func (r *Ruleset) Eval(p Packet, env Env) (Result, error) {
	e := &evaluation{ruleset: r, p: p, env: env}
	err := e.run()
	e.result.Src, e.result.Dst, e.result.SrcPort, e.result.DstPort = e.p.Src, e.p.Dst, e.p.SrcPort, e.p.DstPort
	e.result.OIF = e.p.oif
	return e.result, err
}

type evaluation struct {
	ruleset *Ruleset
	p       Packet
	env     Env
	result  Result
	visited int // chains entered
}

// maxVisits bounds the chains that one packet enters: a hostile ruleset may make
// every chain jump to the next many times.
const maxVisits = 100_000

func (e *evaluation) run() error {
	hooks := []string{"output"}
	if err := e.ingress(); err != nil {
		return err
	}
	if e.p.IIF != "" {
		if ok, err := e.hook("prerouting"); !ok {
			return err
		}
	}
	link, local, ok := e.env.Route(e.p.Dst)
	if !ok {
		e.result.Verdict, e.result.Chain = Dropped, NoRoute
		return nil
	}
	e.p.oif, e.result.Local = link, local
	switch {
	case e.p.IIF != "" && local:
		e.p.oif = ""
		hooks = []string{"input"}
	case e.p.IIF != "":
		hooks = []string{"forward", "postrouting"}
	default:
		hooks = append(hooks, "postrouting")
	}
	for _, h := range hooks {
		if ok, err := e.hook(h); !ok {
			return err
		}
	}
	return nil
}

// hook runs the base chains of one hook in order of priority. It is false if
// the packet ends there.
func (e *evaluation) hook(name string) (bool, error) {
	if e.env.FibType != nil {
		e.p.fibType = e.env.FibType(e.p.Dst)
	}
	for _, b := range e.ruleset.bases(name, e.p.Src.Is4()) {
		e.p.tracked = b.chain.Base.Priority >= priorityConntrack || name != "prerouting" && name != "output"
		if b.chain.Base.Type == "nat" && e.p.CTState != CTNew {
			continue
		}
		w := walk{evaluation: e, table: b.table, name: b.chain.Name}
		out, err := w.chain(b.chain, 0)
		if err != nil {
			return false, fmt.Errorf("chain %s: %w", w.name, err)
		}
		if out == fallsThrough {
			out = outcome(b.chain.Base.Policy)
			e.result.Chain, e.result.Rule = b.chain.Name, nil
		}
		e.result.Verdict = string(out)
		if out != Accepted {
			return false, nil
		}
	}
	if e.result.Verdict == "" {
		e.result.Verdict = Accepted
	}
	return true, nil
}

// ingress refuses rulesets that judge packets before any hook that is evaluated.
func (e *evaluation) ingress() error {
	for _, t := range e.ruleset.Tables {
		for _, c := range t.Chains {
			if b := c.Base; b != nil && (b.Hook == "ingress" || b.Hook == "egress") && (b.Device == "" || b.Device == e.p.IIF) && len(c.Rules) > 0 {
				return fmt.Errorf("chain %s of table %s hooks %s, which is not evaluated", c.Name, t.Name, b.Hook)
			}
		}
	}
	return nil
}

type base struct {
	table *Table
	chain *Chain
}

func (r *Ruleset) bases(hook string, is4 bool) []base {
	var out []base
	for _, t := range r.Tables {
		if t.Family != "inet" && (t.Family != "ip" || !is4) && (t.Family != "ip6" || is4) {
			continue
		}
		for _, c := range t.Chains {
			if c.Base != nil && c.Base.Hook == hook {
				out = append(out, base{t, c})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b base) int { return a.chain.Base.Priority - b.chain.Base.Priority })
	return out
}

// outcome is how a chain or rule ended.
type outcome string

const (
	fallsThrough outcome = ""     // the end of the chain, or return
	next         outcome = "next" // the rule ended without a verdict
	left         outcome = "goto" // a goto target ended: so does this chain
)

// walk is the way of the packet through the chains of one table.
type walk struct {
	*evaluation
	table *Table
	name  string // the chain being run
}

func (w *walk) chain(c *Chain, depth int) (outcome, error) {
	if depth > maxJumpDepth+len(w.table.Chains) {
		return "", fmt.Errorf("chains lead back to themselves, or nest deeper than the kernel follows")
	}
	if w.visited++; w.visited > maxVisits {
		return "", fmt.Errorf("more than %d chains on the way of one packet", maxVisits)
	}
	for _, r := range c.Rules {
		w.name = c.Name
		out, err := w.rule(r, depth)
		if err != nil {
			return "", err
		}
		switch out {
		case next:
			continue
		case left:
			return fallsThrough, nil
		case fallsThrough:
			return fallsThrough, nil
		}
		return out, nil
	}
	return fallsThrough, nil
}

// rule runs the statements until one does not match or decides.
func (w *walk) rule(r *Rule, depth int) (outcome, error) {
	for _, s := range r.Stmts {
		matched, verdict, err := w.stmt(s)
		if err != nil {
			return "", err
		}
		if !matched {
			return next, nil
		}
		if verdict == nil {
			continue
		}
		return w.verdict(*verdict, r, depth)
	}
	return next, nil
}

func (w *walk) verdict(v Verdict, r *Rule, depth int) (outcome, error) {
	switch v.Kind {
	case Continue:
		return next, nil
	case Return:
		return fallsThrough, nil
	case Accept, Drop, reject:
		w.result.Chain, w.result.Rule = w.name, r
		return outcome(v.Kind), nil
	}
	target := w.table.chainNamed(v.Chain)
	if target == nil {
		return "", fmt.Errorf("no chain %q", v.Chain)
	}
	out, err := w.chain(target, depth+1)
	if err != nil || out != fallsThrough {
		return out, err
	}
	if v.Kind == Goto {
		return left, nil
	}
	return next, nil
}

// reject is the verdict of a reject statement; nft has no such verdict.
const reject VerdictKind = Rejected

func (w *walk) stmt(s Stmt) (matched bool, v *Verdict, err error) {
	switch s := s.(type) {
	case Match:
		matched, err := w.match(s)
		return matched, nil, err
	case Verdict:
		return true, &s, nil
	case VMap:
		e, err := w.find(s.Key, s.Set, s.Elements)
		if e == nil || err != nil {
			return false, nil, err
		}
		return true, e.Verdict, nil
	case Count:
		if s.Name != "" {
			w.result.Counters = append(w.result.Counters, s.Name)
		}
	case CountMap:
		e, err := w.find(s.Key, s.Set, nil)
		if e == nil || err != nil {
			return false, nil, err
		}
		w.result.Counters = append(w.result.Counters, e.Counter)
	case Log:
		w.result.Logs = append(w.result.Logs, s)
	case Limit:
		return w.env.UnderLimit != s.Over, nil, nil
	case Update:
		return w.update(s)
	case RejectWith:
		is4 := w.p.Src.Is4()
		return (s.ICMP == "" || is4) && (s.ICMPv6 == "" || !is4), &Verdict{Kind: reject}, nil
	case Translate:
		return w.translate(s)
	case Notrack:
		w.p.CTState = CTUntracked
	case Unknown:
		return false, nil, fmt.Errorf("a statement that is not understood: %s", s.Text)
	default:
		return false, nil, fmt.Errorf("no such statement: %T", s)
	}
	return true, nil, nil
}

func (w *walk) update(u Update) (bool, *Verdict, error) {
	if _, ok, err := w.key(u.Key); !ok || err != nil {
		return false, nil, err
	}
	if u.Limit == nil {
		return true, nil, nil
	}
	return w.env.UnderLimit != u.Limit.Over, nil, nil
}

// key reads the fields; false if the packet has not all of them.
func (w *walk) key(fields []Field) ([]Value, bool, error) {
	var out []Value
	for _, f := range fields {
		if _, known := fieldType[f]; !known {
			return nil, false, fmt.Errorf("unknown field %q", f)
		}
		v, ok := w.p.value(f)
		if !ok {
			return nil, false, nil
		}
		out = append(out, v)
	}
	return out, true, nil
}

func (w *walk) match(m Match) (bool, error) {
	key, ok, err := w.key(m.Key)
	if !ok || err != nil {
		return false, err
	}
	if m.Mask != 0 {
		n, want := key[0].(Num), m.Values[0].Key[0].(Num)
		return (n.Lo&m.Mask == want.Lo) != m.Not, nil
	}
	elements := m.Values
	if m.Set != "" {
		s := w.table.setNamed(m.Set)
		if s == nil {
			return false, fmt.Errorf("no set @%s", m.Set)
		}
		if s.Dynamic || s.Unknown != "" {
			return false, fmt.Errorf("what @%s holds is not known: packets fill it, or it is not understood: %s", m.Set, s.Unknown)
		}
		elements = s.Elements
	}
	e, err := lookup(elements, key)
	return (e != nil) != m.Not, err
}

// find looks a key up in a map; nil if it is not there.
func (w *walk) find(fields []Field, set string, elements []Element) (*Element, error) {
	key, ok, err := w.key(fields)
	if !ok || err != nil {
		return nil, err
	}
	if set != "" {
		s := w.table.setNamed(set)
		if s == nil {
			return nil, fmt.Errorf("no map @%s", set)
		}
		if s.Dynamic || s.Unknown != "" {
			return nil, fmt.Errorf("what @%s holds is not known: packets fill it, or it is not understood: %s", set, s.Unknown)
		}
		elements = s.Elements
	}
	return lookup(elements, key)
}

// lookup returns the element that holds the key; the catch-all if none does. Two
// that hold it are an error: which one the kernel takes is not defined.
func lookup(elements []Element, key []Value) (*Element, error) {
	var found, all *Element
	for k := range elements {
		e := &elements[k]
		switch {
		case e.Default:
			all = e
		case !holds(e.Key, key):
		case found != nil:
			return nil, fmt.Errorf("elements %s and %s both hold %s", elementText(*found, nil), elementText(*e, nil), valuesText(key, nil))
		default:
			found = e
		}
	}
	if found == nil {
		found = all
	}
	return found, nil
}

func holds(ranges, key []Value) bool {
	for k, r := range ranges {
		if !contains(r, key[k]) {
			return false
		}
	}
	return true
}

func contains(r, v Value) bool {
	switch r := r.(type) {
	case Addr:
		a := v.(Addr).Lo
		return r.Lo.BitLen() == a.BitLen() && !a.Less(r.Lo) && !r.Hi.Less(a)
	case Num:
		n := v.(Num).Lo
		return r.Lo <= n && n <= r.Hi
	case Str:
		if prefix, wild := strings.CutSuffix(string(r), "*"); wild {
			return strings.HasPrefix(string(v.(Str)), prefix)
		}
		return r == v.(Str)
	}
	return false
}

// translate rewrites the packet; the statement ends the chain as accept does.
func (w *walk) translate(t Translate) (bool, *Verdict, error) {
	addr, port := t.Addr, t.Port
	if t.Set != "" {
		e, err := w.find(t.Key, t.Set, nil)
		if e == nil || err != nil {
			return false, nil, err
		}
		addr = e.Data[0].(Addr).Lo
		if len(e.Data) > 1 {
			port = uint16(e.Data[1].(Num).Lo)
		}
	}
	switch {
	case t.Kind == "masquerade":
		return false, nil, fmt.Errorf("masquerade: the address of %s is not known", w.p.oif)
	case addr.Is4() != w.p.Src.Is4():
		return true, nil, nil // the kernel goes on with the next statement
	case t.Kind == "dnat":
		w.p.Dst, w.p.status = addr, w.p.status|32
		if port != 0 {
			w.p.DstPort = port
		}
	case t.Kind == "snat":
		w.p.Src, w.p.status = addr, w.p.status|16
		if port != 0 {
			w.p.SrcPort = port
		}
	}
	return true, &Verdict{Kind: Accept}, nil
}

func (t *Table) chainNamed(name string) *Chain {
	for _, c := range t.Chains {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (t *Table) setNamed(name string) *Set {
	for _, s := range t.Sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}
