package nft

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// maxJSON bounds what ReadJSON takes in.
const maxJSON = 256 << 20

// ReadJSON reads what `nft -j list ruleset` (or list table) prints, version 1
// of libnftables-json(5). Rules of other tools are kept too: a statement that
// is not understood becomes Unknown, never nothing. A set whose type or element
// is not understood is an error: a lookup in it could not be answered.
func ReadJSON(r io.Reader) (*Ruleset, error) {
	limited := &io.LimitedReader{R: r, N: maxJSON + 1}
	var doc struct {
		Nftables []map[string]json.RawMessage `json:"nftables"`
	}
	dec := json.NewDecoder(limited)
	if err := dec.Decode(&doc); err != nil {
		if limited.N == 0 {
			return nil, fmt.Errorf("nft JSON: more than %d MB", maxJSON>>20)
		}
		return nil, fmt.Errorf("nft JSON: %w", err)
	}
	rd := &reader{tables: map[[2]string]*Table{}, chains: map[[3]string]*Chain{}}
	for k, object := range doc.Nftables {
		if err := rd.object(object); err != nil {
			return nil, fmt.Errorf("nft JSON: object %d: %w", k+1, err)
		}
	}
	return &rd.out, nil
}

type reader struct {
	out    Ruleset
	tables map[[2]string]*Table
	chains map[[3]string]*Chain
}

func (rd *reader) object(object map[string]json.RawMessage) error {
	if len(object) != 1 {
		return fmt.Errorf("%d kinds in one object", len(object))
	}
	for kind, raw := range object {
		switch kind {
		case "metainfo", "flowtable", "quota", "limit", "ct helper", "ct timeout", "ct expectation", "secmark", "synproxy":
			return nil // no rule that Glacis reads depends on them; one that does is Unknown
		case "table":
			return rd.table(raw)
		case "counter":
			return rd.counter(raw)
		case "set", "map":
			return rd.set(raw)
		case "chain":
			return rd.chain(raw)
		case "rule":
			return rd.rule(raw)
		default:
			return fmt.Errorf("unknown kind %q", kind)
		}
	}
	return nil
}

func (rd *reader) table(raw json.RawMessage) error {
	var t struct{ Family, Name, Comment string }
	if err := json.Unmarshal(raw, &t); err != nil {
		return err
	}
	table := rd.in(t.Family, t.Name)
	table.Comment = t.Comment
	return nil
}

// in returns the table of that name, made if it was not listed yet.
func (rd *reader) in(family, name string) *Table {
	key := [2]string{family, name}
	t := rd.tables[key]
	if t == nil {
		t = &Table{Family: family, Name: name}
		rd.tables[key] = t
		rd.out.Tables = append(rd.out.Tables, t)
	}
	return t
}

func (rd *reader) counter(raw json.RawMessage) error {
	var c struct {
		Family, Table, Name, Comment string
		Packets, Bytes               uint64
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	t := rd.in(c.Family, c.Table)
	t.Counters = append(t.Counters, &Counter{Name: c.Name, Comment: c.Comment, Packets: c.Packets, Bytes: c.Bytes})
	return nil
}

func (rd *reader) chain(raw json.RawMessage) error {
	var c struct {
		Family, Table, Name, Comment, Type, Hook, Policy string
		Prio                                             int
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	chain := &Chain{Name: c.Name, Comment: c.Comment}
	if c.Hook != "" {
		if c.Policy == "" {
			c.Policy = "accept"
		}
		chain.Base = &Base{Type: c.Type, Hook: c.Hook, Priority: c.Prio, Policy: c.Policy}
	}
	t := rd.in(c.Family, c.Table)
	t.Chains = append(t.Chains, chain)
	rd.chains[[3]string{c.Family, c.Table, c.Name}] = chain
	return nil
}

func (rd *reader) rule(raw json.RawMessage) error {
	var r struct {
		Family, Table, Chain, Comment string
		Handle                        int
		Expr                          []json.RawMessage
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	chain := rd.chains[[3]string{r.Family, r.Table, r.Chain}]
	if chain == nil {
		return fmt.Errorf("a rule in chain %q, which is not listed", r.Chain)
	}
	rule := &Rule{Comment: r.Comment, Handle: r.Handle}
	for _, e := range r.Expr {
		stmt, err := readStmt(e)
		if err != nil {
			stmt = Unknown{Text: err.Error() + ": " + string(e)}
		}
		rule.Stmts = append(rule.Stmts, stmt)
	}
	chain.Rules = append(chain.Rules, rule)
	return nil
}

func (rd *reader) set(raw json.RawMessage) error {
	var s struct {
		Family, Table, Name, Comment string
		Type, Map                    json.RawMessage
		Flags                        json.RawMessage
		Elem                         []json.RawMessage
		Size                         int
		Timeout                      int
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	set := &Set{Name: s.Name, Comment: s.Comment, Size: s.Size, Timeout: time.Duration(s.Timeout) * time.Second}
	var err error
	if set.Key, err = readTypes(s.Type); err != nil {
		return fmt.Errorf("set %s: %w", s.Name, err)
	}
	if err := set.readMapType(s.Map); err != nil {
		return fmt.Errorf("map %s: %w", s.Name, err)
	}
	flags, err := words(s.Flags)
	if err != nil {
		return fmt.Errorf("set %s: %w", s.Name, err)
	}
	for _, f := range flags {
		set.setFlag(f)
	}
	for _, e := range s.Elem {
		element, err := set.readElement(e)
		if err != nil {
			return fmt.Errorf("set %s: %w", s.Name, err)
		}
		set.Elements = append(set.Elements, element)
	}
	// nft 1.0.6 lists `flags dynamic` only as its timeout: a set with both a
	// size and a timeout is one that the packet path fills.
	if set.Timeout > 0 && set.Size > 0 {
		set.Dynamic = true
	}
	t := rd.in(s.Family, s.Table)
	t.Sets = append(t.Sets, set)
	return nil
}

func (s *Set) setFlag(f string) {
	switch f {
	case "interval":
		s.Interval = true
	case "dynamic":
		s.Dynamic = true
	case "constant":
		s.Constant = true
	}
}

func (s *Set) readMapType(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	types, err := words(raw)
	if err != nil {
		return err
	}
	switch {
	case len(types) == 1 && types[0] == "verdict":
		s.Verdicts = true
	case len(types) == 1 && types[0] == "counter":
		s.Counters = true
	default:
		s.Data, err = readTypes(raw)
	}
	return err
}

func readTypes(raw json.RawMessage) ([]Type, error) {
	names, err := words(raw)
	if err != nil {
		return nil, err
	}
	var out []Type
	for _, n := range names {
		if typeField[Type(n)] == "" {
			return nil, fmt.Errorf("type %q is not understood", n)
		}
		out = append(out, Type(n))
	}
	return out, nil
}

// words reads one string or a list of them.
func words(raw json.RawMessage) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil {
		return nil, fmt.Errorf("neither a name nor a list of names: %s", raw)
	}
	return many, nil
}

func (s *Set) readElement(raw json.RawMessage) (Element, error) {
	if !s.Verdicts && !s.Counters && len(s.Data) == 0 {
		return readKey(raw, s.keyFields())
	}
	var pair []json.RawMessage
	if err := json.Unmarshal(raw, &pair); err != nil || len(pair) != 2 {
		return Element{}, fmt.Errorf("an element that is no pair: %s", raw)
	}
	e, err := readKey(pair[0], s.keyFields())
	if err != nil {
		return e, err
	}
	switch {
	case s.Verdicts:
		v, err := readVerdict(pair[1])
		e.Verdict = &v
		return e, err
	case s.Counters:
		return e, json.Unmarshal(pair[1], &e.Counter)
	}
	data, err := readKey(pair[1], fieldsOf(s.Data))
	e.Data = data.Key
	return e, err
}

// readKey reads the key of an element: a value, a concatenation, `*`, or one of
// these wrapped in {"elem": {"val": ...}} with a comment, timeout or counter.
func readKey(raw json.RawMessage, fields []Field) (Element, error) {
	var wrapped struct {
		Elem *struct{ Val json.RawMessage }
	}
	if json.Unmarshal(raw, &wrapped) == nil && wrapped.Elem != nil {
		return readKey(wrapped.Elem.Val, fields)
	}
	if string(raw) == `"*"` {
		return Element{Default: true}, nil
	}
	parts := []json.RawMessage{raw}
	if len(fields) > 1 {
		var c struct{ Concat []json.RawMessage }
		if err := json.Unmarshal(raw, &c); err != nil || len(c.Concat) != len(fields) {
			return Element{}, fmt.Errorf("not a key of %d fields: %s", len(fields), raw)
		}
		parts = c.Concat
	}
	var e Element
	for k, p := range parts {
		v, err := readValue(p, fields[k])
		if err != nil {
			return e, err
		}
		e.Key = append(e.Key, v)
	}
	return e, nil
}
