package nft

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"go4.org/netipx"
)

// String returns the ruleset as nft text, or as a comment the reason why there
// is none.
func (r *Ruleset) String() string {
	var b strings.Builder
	if err := Print(&b, r); err != nil {
		return "# " + err.Error() + "\n"
	}
	return b.String()
}

// Print writes the ruleset as nft(8) text that `nft -f` loads in one
// transaction. A ruleset that is not valid is not printed at all: a rule
// without its match would be wider than meant.
func Print(w io.Writer, r *Ruleset) error {
	if err := r.Validate(); err != nil {
		return err
	}
	p := &printer{w: bufio.NewWriter(w)}
	for k, t := range r.Tables {
		if k > 0 {
			p.line(0, "")
		}
		p.table(t)
	}
	return p.w.Flush()
}

type printer struct{ w *bufio.Writer }

func (p *printer) line(depth int, format string, args ...any) {
	for range depth {
		p.w.WriteByte('\t')
	}
	fmt.Fprintf(p.w, format, args...)
	p.w.WriteByte('\n')
}

func (p *printer) table(t *Table) {
	p.line(0, "table %s %s {", t.Family, t.Name)
	if t.Comment != "" {
		p.line(1, "comment %s", quote(t.Comment))
	}
	for _, c := range t.Counters {
		if c.Comment == "" {
			p.line(1, "counter %s { }", c.Name)
			continue
		}
		p.line(1, "counter %s {", c.Name)
		p.line(2, "comment %s", quote(c.Comment))
		p.line(1, "}")
	}
	for _, s := range t.Sets {
		p.line(0, "")
		p.set(s)
	}
	for _, c := range t.Chains {
		p.line(0, "")
		p.chain(c)
	}
	p.line(0, "}")
}

func (p *printer) set(s *Set) {
	p.line(1, "%s %s {", s.noun(), s.Name)
	if s.Comment != "" {
		p.line(2, "comment %s", quote(s.Comment))
	}
	p.line(2, "type %s", s.typeText())
	if s.Size > 0 {
		p.line(2, "size %d", s.Size)
	}
	if flags := s.flags(); len(flags) > 0 {
		p.line(2, "flags %s", strings.Join(flags, ","))
	}
	if s.Timeout > 0 {
		p.line(2, "timeout %ds", int(s.Timeout.Seconds()))
	}
	if len(s.Elements) > 0 {
		p.line(2, "elements = {")
		fields := s.keyFields()
		for _, e := range s.Elements {
			p.line(3, "%s,", elementText(e, fields))
		}
		p.line(2, "}")
	}
	p.line(1, "}")
}

func (s *Set) noun() string {
	if s.Verdicts || s.Counters || len(s.Data) > 0 {
		return "map"
	}
	return "set"
}

func (s *Set) typeText() string {
	text := joinTypes(s.Key)
	switch {
	case s.Verdicts:
		text += " : verdict"
	case s.Counters:
		text += " : counter"
	case len(s.Data) > 0:
		text += " : " + joinTypes(s.Data)
	}
	return text
}

func joinTypes(types []Type) string {
	var words []string
	for _, t := range types {
		words = append(words, string(t))
	}
	return strings.Join(words, " . ")
}

func (s *Set) flags() []string {
	var flags []string
	for _, f := range []struct {
		set  bool
		word string
	}{{s.Constant, "constant"}, {s.Interval, "interval"}, {s.Dynamic, "dynamic"}, {s.Timeout > 0, "timeout"}} {
		if f.set {
			flags = append(flags, f.word)
		}
	}
	return flags
}

// typeField gives for a type a field whose values print with the same names.
var typeField = map[Type]Field{IPv4Addr: IPSaddr, IPv6Addr: IP6Saddr, InetProto: L4Proto, InetService: ThDport,
	IfName: IIFName, ICMPType: ICMPTypeF, ICMPv6Type: ICMPv6TypeF, CTState: CTStateF, Mark: MetaMark}

func (s *Set) keyFields() []Field { return fieldsOf(s.Key) }

func fieldsOf(types []Type) []Field {
	var out []Field
	for _, t := range types {
		out = append(out, typeField[t])
	}
	return out
}

func (p *printer) chain(c *Chain) {
	p.line(1, "chain %s {", c.Name)
	if c.Comment != "" {
		p.line(2, "comment %s", quote(c.Comment))
	}
	if b := c.Base; b != nil {
		device := ""
		if b.Device != "" {
			device = "device " + quote(b.Device) + " "
		}
		p.line(2, "type %s hook %s %spriority %d; policy %s;", b.Type, b.Hook, device, b.Priority, b.Policy)
	}
	for _, r := range c.Rules {
		p.line(2, "%s", r)
	}
	p.line(1, "}")
}

// String returns the rule as one line of nft text.
func (r *Rule) String() string {
	var words []string
	for _, s := range r.Stmts {
		words = append(words, stmtText(s))
	}
	if r.Comment != "" {
		words = append(words, "comment "+quote(r.Comment))
	}
	return strings.Join(words, " ")
}

// quote writes a string the way nft reads it. nft knows no escapes: Validate
// refuses strings that would need one.
func quote(s string) string { return `"` + s + `"` }

func stmtText(s Stmt) string {
	switch s := s.(type) {
	case Match:
		return matchText(s)
	case Verdict:
		return s.String()
	case VMap:
		return keyText(s.Key) + " vmap " + lookupText(s.Set, s.Elements, s.Key)
	case Count:
		if s.Name == "" {
			return "counter"
		}
		return "counter name " + quote(s.Name)
	case CountMap:
		return "counter name " + keyText(s.Key) + " map @" + s.Set
	case Log:
		return logText(s)
	case Limit:
		return limitText(s)
	case Update:
		return updateText(s)
	case RejectWith:
		return rejectText(s)
	case Translate:
		return translateText(s)
	case Notrack:
		return "notrack"
	case Unknown:
		return "# not understood: " + s.Text
	}
	panic(fmt.Sprintf("nft: no text for %T", s))
}

func matchText(m Match) string {
	if m.Mask != 0 {
		op := "=="
		if m.Not {
			op = "!="
		}
		want := "0"
		if n := m.Values[0].Key[0].(Num); n.Lo != 0 {
			want = bits(n.Lo, m.Key[0])
		}
		return fmt.Sprintf("%s & (%s) %s %s", keyText(m.Key), bits(m.Mask, m.Key[0]), op, want)
	}
	text := keyText(m.Key) + " "
	switch {
	case m.Not:
		text += "!= "
	case m.Key[0] == TCPFlags || m.Key[0] == CTStatus: // without it nft asks for any of the bits
		text += "== "
	}
	return text + lookupText(m.Set, m.Values, m.Key)
}

func rejectText(r RejectWith) string {
	switch {
	case r.TCPReset:
		return "reject with tcp reset"
	case r.ICMP != "":
		return "reject with icmp " + r.ICMP
	case r.ICMPv6 != "":
		return "reject with icmpv6 " + r.ICMPv6
	}
	return "reject with icmpx " + r.ICMPX
}

// lookupText writes a named set, a single value, or an anonymous set or map.
func lookupText(set string, elements []Element, key []Field) string {
	if set != "" {
		return "@" + set
	}
	if len(elements) == 1 && elements[0].plain() {
		return elementText(elements[0], key)
	}
	var words []string
	for _, e := range elements {
		words = append(words, elementText(e, key))
	}
	return "{ " + strings.Join(words, ", ") + " }"
}

// plain reports whether the element is a key and nothing else.
func (e Element) plain() bool {
	return !e.Default && e.Verdict == nil && e.Counter == "" && len(e.Data) == 0
}

func elementText(e Element, key []Field) string {
	text := "*"
	if !e.Default {
		text = valuesText(e.Key, key)
	}
	switch {
	case e.Verdict != nil:
		text += " : " + e.Verdict.String()
	case e.Counter != "":
		text += " : " + quote(e.Counter)
	case len(e.Data) > 0:
		text += " : " + valuesText(e.Data, nil)
	}
	return text
}

func valuesText(values []Value, key []Field) string {
	var words []string
	for k, v := range values {
		f := ThDport // plain numbers
		if key != nil {
			f = key[k]
		}
		words = append(words, valueText(v, f))
	}
	return strings.Join(words, " . ")
}

func valueText(v Value, f Field) string {
	switch v := v.(type) {
	case Addr:
		return v.String()
	case Str:
		return quote(string(v))
	case Num:
		if v.Lo == v.Hi {
			return numberText(v.Lo, f)
		}
		return fmt.Sprintf("%d-%d", v.Lo, v.Hi)
	}
	panic(fmt.Sprintf("nft: no text for value %T", v))
}

// String writes the range as an address, a prefix or a range.
func (a Addr) String() string {
	if a.Lo == a.Hi {
		return a.Lo.String()
	}
	r := netipx.IPRangeFrom(a.Lo, a.Hi)
	if p, ok := r.Prefix(); ok {
		return p.String()
	}
	return r.String()
}

func numberText(n uint64, f Field) string {
	if name, ok := symbols[f][n]; ok {
		return name
	}
	if f == TCPFlags && n != 0 {
		return bits(n, f)
	}
	return fmt.Sprint(n)
}

// bits names the bits of a mask.
func bits(n uint64, f Field) string {
	var words []string
	for bit := uint64(1); bit != 0 && bit <= n; bit <<= 1 {
		if n&bit != 0 {
			words = append(words, numberText(bit, f))
		}
	}
	return strings.Join(words, " | ")
}

func keyText(key []Field) string {
	var words []string
	for _, f := range key {
		words = append(words, string(f))
	}
	return strings.Join(words, " . ")
}

// String writes the verdict as nft does.
func (v Verdict) String() string {
	if v.Chain != "" {
		return string(v.Kind) + " " + v.Chain
	}
	return string(v.Kind)
}

func logText(l Log) string {
	text := "log"
	if l.Prefix != "" {
		text += " prefix " + quote(l.Prefix)
	}
	if l.Level != "" {
		text += " level " + l.Level
	}
	if l.Flags != "" {
		text += " flags " + l.Flags
	}
	if l.Group >= 0 {
		text += fmt.Sprintf(" group %d", l.Group)
	}
	if l.Snaplen > 0 {
		text += fmt.Sprintf(" snaplen %d", l.Snaplen)
	}
	if l.QThreshold > 0 {
		text += fmt.Sprintf(" queue-threshold %d", l.QThreshold)
	}
	return text
}

func limitText(l Limit) string {
	over := ""
	if l.Over {
		over = "over "
	}
	text := fmt.Sprintf("limit rate %s%d/%s", over, l.Rate, l.Per)
	if l.Burst > 0 {
		text += fmt.Sprintf(" burst %d packets", l.Burst)
	}
	return text
}

func updateText(u Update) string {
	op, limit := "update", ""
	if u.Add {
		op = "add"
	}
	if u.Limit != nil {
		limit = " " + limitText(*u.Limit)
	}
	return fmt.Sprintf("%s @%s { %s%s }", op, u.Set, keyText(u.Key), limit)
}

func translateText(t Translate) string {
	if t.Kind == "masquerade" {
		return t.Kind
	}
	text := t.Kind + " " + t.Family + " to "
	switch {
	case t.Set != "":
		return text + keyText(t.Key) + " map @" + t.Set
	case t.Port == 0:
		return text + t.Addr.String()
	case t.Addr.Is6():
		return text + fmt.Sprintf("[%s]:%d", t.Addr, t.Port)
	}
	return text + fmt.Sprintf("%s:%d", t.Addr, t.Port)
}
