package nft

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// ReadJSON reads what `nft -j list ruleset` (or list table) prints, version 1
// of libnftables-json(5). Rules of other tools are kept too: a statement or set
// that is not understood becomes Unknown, never nothing. What is no listing at
// all, or larger than a listing can be, is an error.
func ReadJSON(r io.Reader) (*Ruleset, error) {
	var doc struct {
		Nftables []map[string]json.RawMessage `json:"nftables"`
	}
	dec := json.NewDecoder(&bounded{r: r})
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("nft JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("nft JSON: something follows the listing")
	}
	if err := checkVersion(doc.Nftables); err != nil {
		return nil, fmt.Errorf("nft JSON: %w", err)
	}
	rd := &reader{tables: map[[2]string]*Table{}, chains: map[[3]string]*Chain{}, seen: map[[4]string]bool{}}
	for k, object := range doc.Nftables {
		if err := rd.object(object); err != nil {
			return nil, fmt.Errorf("nft JSON: object %d: %w", k+1, err)
		}
		doc.Nftables[k] = nil
	}
	rd.out.markDynamic()
	for _, readElements := range rd.later {
		readElements()
	}
	rd.out.settle()
	return &rd.out, nil
}

// checkVersion wants the object that nft begins every listing with: without it
// an empty document would pass for an empty ruleset.
func checkVersion(objects []map[string]json.RawMessage) error {
	if len(objects) == 0 || objects[0]["metainfo"] == nil {
		return fmt.Errorf("no listing of nft: it has no metainfo")
	}
	var info struct {
		Version int `json:"json_schema_version"`
	}
	if err := json.Unmarshal(objects[0]["metainfo"], &info); err != nil || info.Version != 1 {
		return fmt.Errorf("schema version %d is not understood, only 1", info.Version)
	}
	return nil
}

type reader struct {
	out    Ruleset
	tables map[[2]string]*Table
	chains map[[3]string]*Chain
	later  []func()           // reads the elements, once it is known which sets packets fill
	seen   map[[4]string]bool // kind, family, table and name of what has one
}

// once refuses a second object of the same name: references to it would mean
// either.
func (rd *reader) once(kind, family, table, name string) error {
	key := [4]string{kind, family, table, name}
	if rd.seen[key] {
		return fmt.Errorf("%s %q is listed twice", kind, name)
	}
	rd.seen[key] = true
	return nil
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
	if err := rd.once("counter", c.Family, c.Table, c.Name); err != nil {
		return err
	}
	t := rd.in(c.Family, c.Table)
	t.Counters = append(t.Counters, &Counter{Name: c.Name, Comment: c.Comment, Packets: c.Packets, Bytes: c.Bytes})
	return nil
}

func (rd *reader) chain(raw json.RawMessage) error {
	var c struct {
		Family, Table, Name, Comment, Type, Hook, Policy, Dev string
		Prio                                                  int
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	if err := rd.once("chain", c.Family, c.Table, c.Name); err != nil {
		return err
	}
	chain := &Chain{Name: c.Name, Comment: c.Comment}
	if c.Hook != "" {
		if c.Policy == "" {
			c.Policy = "accept"
		}
		chain.Base = &Base{Type: c.Type, Hook: c.Hook, Priority: c.Prio, Policy: c.Policy, Device: c.Dev}
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
		Type, Map, Flags, Stmt       json.RawMessage
		Elem                         []json.RawMessage
		Size, Timeout                int
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if err := rd.once("set", s.Family, s.Table, s.Name); err != nil {
		return err
	}
	set := &Set{Name: s.Name, Comment: s.Comment, Size: s.Size, Timeout: time.Duration(s.Timeout) * time.Second}
	t := rd.in(s.Family, s.Table)
	t.Sets = append(t.Sets, set)
	if err := set.read(s.Type, s.Map, s.Flags, s.Stmt); err != nil {
		set.Unknown = err.Error()
		return nil
	}
	rd.later = append(rd.later, func() {
		if err := set.readElements(s.Elem); err != nil {
			set.Unknown, set.Elements = err.Error(), nil
		}
	})
	return nil
}

// readElements reads what is in a set, unless packets put it there: that is
// what happened, not what was configured.
func (s *Set) readElements(elements []json.RawMessage) error {
	if s.Dynamic {
		return nil
	}
	for _, e := range elements {
		element, err := s.readElement(e)
		if err != nil {
			return err
		}
		s.Elements = append(s.Elements, element)
	}
	return nil
}

// read fills in what a set is of.
func (s *Set) read(key, data, flags, stmt json.RawMessage) error {
	var err error
	if s.Key, err = readTypes(key); err != nil {
		return err
	}
	if err := s.readMapType(data); err != nil {
		return err
	}
	words, err := words(flags)
	if err != nil {
		return err
	}
	for _, f := range words {
		s.setFlag(f)
	}
	if stmt != nil && !onlyCounts(stmt) {
		return fmt.Errorf("elements that do more than be there: %s", stmt)
	}
	// nft 1.0.6 lists `flags dynamic` only as its timeout: a set with both a
	// size and a timeout is one that the packet path fills.
	if s.Timeout > 0 && s.Size > 0 {
		s.Dynamic = true
	}
	return nil
}

// onlyCounts reports whether the statements that a set runs for each element
// are counters: a limit or quota there decides whether the element matches.
func onlyCounts(raw json.RawMessage) bool {
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return false
	}
	for _, m := range list {
		if len(m) != 1 || m["counter"] == nil {
			return false
		}
	}
	return true
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
	if len(names) == 0 {
		return nil, fmt.Errorf("no type")
	}
	if len(names) == 1 { // a map's data type is one string
		names = strings.Split(names[0], " . ")
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
	if kind, body, err := one(raw); err == nil && kind == "elem" {
		var wrapped struct {
			Val                    json.RawMessage
			Comment, Counter       json.RawMessage
			Timeout, Expires, Last json.RawMessage
		}
		if err := strict(body, &wrapped); err != nil {
			return Element{}, fmt.Errorf("an element that does more than be there: %s", raw)
		}
		return readKey(wrapped.Val, fields)
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
