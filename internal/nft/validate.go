package nft

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of the kernel (linux/netfilter/nf_tables.h, nf_log.h).
const (
	maxName      = 127
	maxText      = 127
	maxJumpDepth = 16 // NFT_JUMP_STACK_SIZE
)

// Names are letters, digits, dot, dash and underscore. One with a dot never
// collides with a word of nft's own; base chains are named after their hooks.
var (
	identifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	reserved   = regexp.MustCompile(`^(fwd|dup|dn|ip6?|tcp|udp|ct|meta|map|set|chain|table|rule|counter|limit|quota|log|accept|drop|jump|goto|return|` +
		`continue|queue|reject|[ds]nat|masquerade|redirect|flow|fib|th|icmp|icmpv6|ether|vlan|arp|type|hook|policy|device|flags|timeout|size|elements?|` +
		`comment|dst|src|mark|hash|frag|at|rt|add|update|delete|list|flush|reset|rename|insert|create|replace|describe|import|export|monitor|all|in|out|` +
		`secmark|synproxy|notrack|last|exists|missing)$`)
)

// Validate reports what would make the ruleset load as something else than it
// says, or not at all: a match without values, a value of the wrong type, a
// reference to nothing, a jump that loops, a name nft cannot read.
func (r *Ruleset) Validate() error {
	for _, t := range r.Tables {
		v := validator{table: t, counters: map[string]bool{}, sets: map[string]*Set{}, chains: map[string]*Chain{}}
		if err := v.check(); err != nil {
			return fmt.Errorf("table %s %s: %w", t.Family, t.Name, err)
		}
	}
	return nil
}

type validator struct {
	table    *Table
	counters map[string]bool
	sets     map[string]*Set
	chains   map[string]*Chain
}

func (v *validator) check() error {
	if err := v.declare(); err != nil {
		return err
	}
	for _, s := range v.table.Sets {
		if err := v.set(s); err != nil {
			return fmt.Errorf("set %s: %w", s.Name, err)
		}
	}
	for _, c := range v.table.Chains {
		for k, r := range c.Rules {
			if err := v.rule(r); err != nil {
				return fmt.Errorf("chain %s, rule %d: %w", c.Name, k+1, err)
			}
		}
	}
	return v.loops()
}

// declare collects what the table has, each name once.
func (v *validator) declare() error {
	if err := checkName(v.table.Name, false); err != nil {
		return err
	}
	for _, c := range v.table.Counters {
		if err := firstError(checkName(c.Name, v.counters[c.Name]), checkText(c.Comment)); err != nil {
			return fmt.Errorf("counter %s: %w", c.Name, err)
		}
		v.counters[c.Name] = true
	}
	for _, s := range v.table.Sets {
		if err := firstError(checkName(s.Name, v.sets[s.Name] != nil), checkText(s.Comment)); err != nil {
			return fmt.Errorf("set %s: %w", s.Name, err)
		}
		v.sets[s.Name] = s
	}
	for _, c := range v.table.Chains {
		if err := firstError(checkName(c.Name, v.chains[c.Name] != nil), checkText(c.Comment)); err != nil {
			return fmt.Errorf("chain %s: %w", c.Name, err)
		}
		v.chains[c.Name] = c
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkName(name string, taken bool) error {
	switch {
	case taken:
		return fmt.Errorf("%q is defined twice", name)
	case !identifier.MatchString(name):
		return fmt.Errorf("nft cannot read the name %q", name)
	case len(name) > maxName:
		return fmt.Errorf("the name %q is longer than %d", name, maxName)
	case reserved.MatchString(name):
		return fmt.Errorf("%q is a word of nft's own", name)
	}
	return nil
}

// checkText refuses what nft cannot quote: it knows no escapes.
func checkText(s string) error {
	if len(s) > maxText {
		return fmt.Errorf("%q is longer than %d", s, maxText)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r == '"' || r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%q has a character that nft cannot quote", s)
	}
	return nil
}

func (v *validator) set(s *Set) error {
	switch {
	case s.Unknown != "":
		return fmt.Errorf("not understood: %s", s.Unknown)
	case len(s.Key) == 0:
		return fmt.Errorf("no key type")
	case s.Timeout%time.Second != 0 || s.Timeout < 0 || s.Size < 0:
		return fmt.Errorf("a timeout of %v, size %d", s.Timeout, s.Size)
	}
	for _, e := range s.Elements {
		if err := v.element(e, s.Key, s.Verdicts, s.Counters, s.Data); err != nil {
			return err
		}
		if !s.Interval && slices.ContainsFunc(e.Key, isRange) {
			return fmt.Errorf("a range in a set without flag interval")
		}
	}
	return nil
}

func (v *validator) element(e Element, key []Type, verdicts, counters bool, data []Type) error {
	if !e.Default {
		if err := checkKey(e.Key, key); err != nil {
			return err
		}
	}
	if verdicts != (e.Verdict != nil) || counters != (e.Counter != "") || (len(data) > 0) != (len(e.Data) > 0) {
		return fmt.Errorf("an element that does not fit the kind of map")
	}
	switch {
	case e.Verdict != nil:
		return v.verdict(*e.Verdict)
	case e.Counter != "":
		return v.counter(e.Counter)
	case len(e.Data) > 0:
		return checkKey(e.Data, data)
	}
	return nil
}

func isRange(v Value) bool {
	switch v := v.(type) {
	case Addr:
		return v.Lo != v.Hi
	case Num:
		return v.Lo != v.Hi
	case Str:
		return strings.HasSuffix(string(v), "*")
	}
	return false
}

func checkKey(key []Value, types []Type) error {
	if len(key) != len(types) {
		return fmt.Errorf("a key of %d fields where %d are wanted", len(key), len(types))
	}
	for k, value := range key {
		if err := checkValue(value, types[k]); err != nil {
			return err
		}
	}
	return nil
}

func checkValue(value Value, t Type) error {
	switch value := value.(type) {
	case Addr:
		is4 := t == IPv4Addr
		if !is4 && t != IPv6Addr || !validAddr(value.Lo, is4) || !validAddr(value.Hi, is4) || value.Hi.Less(value.Lo) {
			return fmt.Errorf("%s-%s is not of type %s", value.Lo, value.Hi, t)
		}
	case Num:
		if most, ok := typeMost[t]; !ok || value.Hi > most || value.Lo > value.Hi {
			return fmt.Errorf("%d-%d is not of type %s", value.Lo, value.Hi, t)
		}
	case Str:
		if t != IfName || value == "" || len(value) > 15 || strings.ContainsAny(string(value), "\\") || checkText(string(value)) != nil {
			return fmt.Errorf("%q is not of type %s", string(value), t)
		}
	default:
		return fmt.Errorf("no value")
	}
	return nil
}

func validAddr(a netip.Addr, is4 bool) bool { return a.IsValid() && a.Is4() == is4 && a.Zone() == "" }

// Types of fields that no named set is keyed by.
const (
	integer  Type = "integer"
	tcpFlag  Type = "tcp_flag"
	ctStatus Type = "ct_status"
)

// typeMost is the largest number of a type.
var typeMost = map[Type]uint64{InetProto: 255, InetService: 65535, ICMPType: 255, ICMPv6Type: 255, CTState: 127, Mark: 1<<32 - 1,
	integer: 255, tcpFlag: 255, ctStatus: 1<<16 - 1}

// fieldType gives the type of values that a field compares with.
var fieldType = map[Field]Type{IPSaddr: IPv4Addr, IPDaddr: IPv4Addr, IP6Saddr: IPv6Addr, IP6Daddr: IPv6Addr, IPProtocol: InetProto, L4Proto: InetProto,
	IPTTL: integer, IP6HopLimit: integer, TCPSport: InetService, TCPDport: InetService, UDPSport: InetService, UDPDport: InetService,
	SCTPSport: InetService, SCTPDport: InetService, DCCPSport: InetService, DCCPDport: InetService, UDPLiteSport: InetService, UDPLiteDport: InetService,
	ThSport: InetService, ThDport: InetService, TCPFlags: tcpFlag, ICMPTypeF: ICMPType, ICMPCodeF: integer, ICMPv6TypeF: ICMPv6Type,
	ICMPv6CodeF: integer, IIFName: IfName, OIFName: IfName, NFProto: integer, MetaMark: Mark, CTStateF: CTState, CTStatus: ctStatus, FibDaddrType: integer}

func keyTypes(key []Field) ([]Type, error) {
	if len(key) == 0 {
		return nil, fmt.Errorf("an empty key")
	}
	var out []Type
	for _, f := range key {
		t, ok := fieldType[f]
		if !ok {
			return nil, fmt.Errorf("unknown field %q", f)
		}
		out = append(out, t)
	}
	return out, nil
}

func (v *validator) rule(r *Rule) error {
	if len(r.Stmts) == 0 {
		return fmt.Errorf("no statement")
	}
	for k, s := range r.Stmts {
		if err := v.stmt(s); err != nil {
			return err
		}
		if k < len(r.Stmts)-1 && ends(s) {
			return fmt.Errorf("statement %q is never reached", stmtText(r.Stmts[k+1]))
		}
	}
	return checkText(r.Comment)
}

// ends reports whether nothing after the statement can run.
func ends(s Stmt) bool {
	switch s := s.(type) {
	case Verdict:
		return s.Kind != Continue
	case RejectWith:
		return true
	}
	return false
}

func (v *validator) stmt(s Stmt) error {
	switch s := s.(type) {
	case Match:
		return v.match(s)
	case Verdict:
		return v.verdict(s)
	case VMap:
		return v.lookup(s.Key, s.Set, s.Elements, true, false)
	case Count:
		if s.Name != "" {
			return v.counter(s.Name)
		}
	case CountMap:
		return v.lookup(s.Key, s.Set, nil, false, true)
	case Log:
		return checkLog(s)
	case Limit:
		return checkLimit(&s)
	case Update:
		if set := v.sets[s.Set]; set != nil && !set.Dynamic {
			return fmt.Errorf("update of @%s, which is not dynamic", s.Set)
		}
		return firstError(v.lookup(s.Key, s.Set, nil, false, false), checkLimit(s.Limit))
	case RejectWith:
		return checkReject(s)
	case Translate:
		return v.translate(s)
	case Notrack:
	case Unknown:
		return fmt.Errorf("not understood: %s", s.Text)
	default:
		return fmt.Errorf("no such statement: %T", s)
	}
	return nil
}

var rejectCodes = []string{"no-route", "port-unreachable", "host-unreachable", "admin-prohibited", "net-unreachable", "prot-unreachable", "net-prohibited", "host-prohibited",
	"addr-unreachable", "policy-fail", "reject-route"}

func checkReject(r RejectWith) error {
	said := 0
	for _, code := range []string{r.ICMPX, r.ICMP, r.ICMPv6} {
		if code == "" {
			continue
		}
		said++
		if !slices.Contains(rejectCodes, code) {
			return fmt.Errorf("reject with %q", code)
		}
	}
	if r.TCPReset {
		said++
	}
	if said != 1 {
		return fmt.Errorf("reject wants exactly one answer")
	}
	return nil
}

var logWords = regexp.MustCompile(`^[a-z ,]*$`)

func checkLog(l Log) error {
	switch {
	case !logWords.MatchString(l.Level) || !logWords.MatchString(l.Flags):
		return fmt.Errorf("a log with level %q, flags %q", l.Level, l.Flags)
	case l.Group < -1 || l.Group > 65535 || l.Snaplen < 0 || l.QThreshold < 0 || l.QThreshold > 65535:
		return fmt.Errorf("a log to group %d, snaplen %d, queue threshold %d", l.Group, l.Snaplen, l.QThreshold)
	case l.Group >= 0 && (l.Level != "" || l.Flags != ""), l.Group < 0 && (l.Snaplen > 0 || l.QThreshold > 0):
		return fmt.Errorf("a log to both a group and the kernel's log")
	}
	return checkText(l.Prefix)
}

func checkLimit(l *Limit) error {
	if l == nil {
		return nil
	}
	if l.Rate <= 0 || l.Burst < 0 || !slices.Contains([]string{"second", "minute", "hour", "day"}, l.Per) {
		return fmt.Errorf("a limit of %d a %s, burst %d", l.Rate, l.Per, l.Burst)
	}
	return nil
}

func (v *validator) match(m Match) error {
	types, err := keyTypes(m.Key)
	switch {
	case err != nil:
		return err
	case m.Mask != 0:
		return checkMasked(m)
	case m.Set != "":
		return v.lookup(m.Key, m.Set, nil, false, false)
	case len(m.Values) == 0:
		return fmt.Errorf("a match on %s with no values", keyText(m.Key))
	}
	for _, e := range m.Values {
		if !e.plain() {
			return fmt.Errorf("a match with an element that maps to something")
		}
		if err := checkKey(e.Key, types); err != nil {
			return fmt.Errorf("%s: %w", keyText(m.Key), err)
		}
	}
	return nil
}

func checkMasked(m Match) error {
	if len(m.Key) != 1 || len(m.Values) != 1 || len(m.Values[0].Key) != 1 || m.Set != "" {
		return fmt.Errorf("a masked match wants one field and one value")
	}
	n, ok := m.Values[0].Key[0].(Num)
	if most := typeMost[fieldType[m.Key[0]]]; m.Mask > most {
		return fmt.Errorf("a mask of %#x on %s", m.Mask, m.Key[0])
	}
	if !ok || n.Lo != n.Hi || n.Lo&^m.Mask != 0 {
		return fmt.Errorf("a value outside its mask never matches")
	}
	return nil
}

// lookup checks a reference to a named set or map, or an anonymous map.
func (v *validator) lookup(key []Field, name string, elements []Element, verdicts, counters bool) error {
	types, err := keyTypes(key)
	if err != nil {
		return err
	}
	if name == "" {
		if len(elements) == 0 {
			return fmt.Errorf("a map on %s with no elements", keyText(key))
		}
		for _, e := range elements {
			if err := v.element(e, types, verdicts, counters, nil); err != nil {
				return err
			}
		}
		return nil
	}
	s := v.sets[name]
	switch {
	case s == nil:
		return fmt.Errorf("no set @%s", name)
	case s.Unknown == "" && !slices.Equal(s.Key, types):
		return fmt.Errorf("@%s is keyed by %s, not %s", name, joinTypes(s.Key), joinTypes(types))
	case s.Unknown != "":
		return fmt.Errorf("@%s is not understood: %s", name, s.Unknown)
	case s.Verdicts != verdicts || s.Counters != counters || len(s.Data) > 0:
		return fmt.Errorf("@%s is not a map of the kind wanted", name)
	}
	return nil
}

func (v *validator) verdict(d Verdict) error {
	switch d.Kind {
	case Jump, Goto:
		c := v.chains[d.Chain]
		if c == nil || c.Base != nil {
			return fmt.Errorf("no chain %q to %s to", d.Chain, d.Kind)
		}
		return nil
	case Accept, Drop, Return, Continue:
		if d.Chain == "" {
			return nil
		}
	}
	return fmt.Errorf("no such verdict %q", d)
}

func (v *validator) counter(name string) error {
	if !v.counters[name] {
		return fmt.Errorf("no counter %q", name)
	}
	return nil
}

func (v *validator) translate(t Translate) error {
	switch {
	case t.Kind == "masquerade" && t.Family == "" && !t.Addr.IsValid() && t.Port == 0 && t.Set == "":
		return nil
	case t.Kind != "snat" && t.Kind != "dnat":
		return fmt.Errorf("no such translation %q", t.Kind)
	case t.Family != "ip" && t.Family != "ip6":
		return fmt.Errorf("%s of family %q", t.Kind, t.Family)
	case t.Set != "":
		return v.translateBy(t)
	case t.Family == "ip" && t.Addr.Is4(), t.Family == "ip6" && t.Addr.Is6() && validAddr(t.Addr, false):
		return nil
	}
	return fmt.Errorf("%s %s to %s", t.Kind, t.Family, t.Addr)
}

// translateBy checks a translation by a map: its key, and that it holds an
// address of the family, with or without a port.
func (v *validator) translateBy(t Translate) error {
	types, err := keyTypes(t.Key)
	s, addr := v.sets[t.Set], IPv4Addr
	if t.Family == "ip6" {
		addr = IPv6Addr
	}
	switch {
	case err != nil:
		return err
	case s == nil || s.Unknown != "" || !slices.Equal(s.Key, types):
		return fmt.Errorf("no map @%s keyed by %s that is understood", t.Set, keyText(t.Key))
	case !slices.Equal(s.Data, []Type{addr}) && !slices.Equal(s.Data, []Type{addr, InetService}):
		return fmt.Errorf("@%s does not map to addresses of family %s", t.Set, t.Family)
	}
	return nil
}

// loops reports chains that lead back to themselves, or nest deeper than the
// kernel follows.
func (v *validator) loops() error {
	depth, busy := map[string]int{}, map[string]bool{}
	var walk func(name string) (int, error)
	walk = func(name string) (int, error) {
		if busy[name] {
			return 0, fmt.Errorf("chain %q leads back to itself", name)
		}
		if d, ok := depth[name]; ok {
			return d, nil
		}
		busy[name] = true
		most := 0
		for _, target := range v.targets(v.chains[name]) {
			d, err := walk(target.Chain)
			if err != nil {
				return 0, err
			}
			if target.Kind == Jump {
				d++
			}
			most = max(most, d)
		}
		busy[name] = false
		depth[name] = most
		return most, nil
	}
	for _, c := range v.table.Chains {
		if d, err := walk(c.Name); err != nil {
			return err
		} else if d >= maxJumpDepth {
			return fmt.Errorf("chain %q jumps %d deep", c.Name, d)
		}
	}
	return nil
}

// targets lists where a chain leads.
func (v *validator) targets(c *Chain) []Verdict {
	var out []Verdict
	collect := func(elements []Element) {
		for _, e := range elements {
			if e.Verdict != nil && e.Verdict.Chain != "" {
				out = append(out, *e.Verdict)
			}
		}
	}
	for _, r := range c.Rules {
		for _, s := range r.Stmts {
			switch s := s.(type) {
			case Verdict:
				if s.Chain != "" {
					out = append(out, s)
				}
			case VMap:
				collect(s.Elements)
				if set := v.sets[s.Set]; set != nil {
					collect(set.Elements)
				}
			}
		}
	}
	return out
}
