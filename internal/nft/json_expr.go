package nft

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
)

var errUnknown = errors.New("not understood")

// one takes an object with a single key apart.
func one(raw json.RawMessage) (string, json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || len(m) != 1 {
		return "", nil, errUnknown
	}
	for k, v := range m {
		return k, v, nil
	}
	return "", nil, errUnknown
}

// strict decodes an object and refuses keys that the target does not have: an
// option that is not understood may change what a statement means.
func strict(raw json.RawMessage, into any) error {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return errUnknown
	}
	return nil
}

func readStmt(raw json.RawMessage) (Stmt, error) {
	kind, body, err := one(raw)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "match":
		return readMatch(body)
	case "vmap":
		return readVMap(body)
	case "accept", "drop", "jump", "goto", "return", "continue":
		return readVerdict(raw)
	case "counter":
		return readCounter(body)
	case "log":
		return readLog(body)
	case "limit":
		l, err := readLimit(body)
		if err != nil {
			return nil, err
		}
		return *l, nil
	case "set":
		return readUpdate(body)
	case "reject":
		return readReject(body)
	case "snat", "dnat", "masquerade":
		return readTranslate(kind, body)
	case "notrack":
		return Notrack{}, nil
	}
	return nil, errUnknown
}

func readVerdict(raw json.RawMessage) (Verdict, error) {
	kind, body, err := one(raw)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Kind: VerdictKind(kind)}
	switch v.Kind {
	case Accept, Drop, Return, Continue:
		return v, nil
	case Jump, Goto:
		var t struct{ Target string }
		err := strict(body, &t)
		v.Chain = t.Target
		return v, err
	}
	return v, errUnknown
}

func readMatch(raw json.RawMessage) (Stmt, error) {
	var m struct {
		Op          string
		Left, Right json.RawMessage
	}
	if err := strict(raw, &m); err != nil {
		return nil, err
	}
	if m.Op != "==" && m.Op != "!=" && m.Op != "in" {
		return nil, errUnknown
	}
	out := Match{Not: m.Op == "!="}
	if kind, body, err := one(m.Left); err == nil && kind == "&" {
		return readMasked(out, m.Op, body, m.Right)
	}
	var err error
	if out.Key, err = readFields(m.Left); err != nil {
		return nil, err
	}
	if name, ok := setName(m.Right); ok {
		out.Set = name
		return out, nil
	}
	if m.Op == "in" && !slices.Equal(out.Key, []Field{CTStateF}) {
		return readAnyBit(out, m.Right)
	}
	// A list beside `in` is any of them; beside another operator it is not known
	// what nft would mean. A packet has one ct state: there `in` is a set.
	if strings.HasPrefix(string(m.Right), "[") && m.Op != "in" {
		return nil, errUnknown
	}
	out.Values, err = readValues(m.Right, out.Key)
	return out, err
}

// readAnyBit reads `field in bits`: any of the bits, which is a mask.
func readAnyBit(m Match, right json.RawMessage) (Stmt, error) {
	if len(m.Key) != 1 || m.Key[0] != TCPFlags && m.Key[0] != CTStatus {
		return nil, errUnknown
	}
	bits, err := readBits(right, m.Key[0])
	if err != nil || bits == 0 {
		return nil, errUnknown
	}
	m.Mask, m.Not, m.Values = bits, true, []Element{{Key: []Value{Num{}}}}
	return m, nil
}

// readMasked reads `field & mask op value`.
func readMasked(m Match, op string, operands, right json.RawMessage) (Stmt, error) {
	var pair []json.RawMessage
	if err := json.Unmarshal(operands, &pair); err != nil || len(pair) != 2 || op == "in" {
		return nil, errUnknown
	}
	var err error
	if m.Key, err = readFields(pair[0]); err != nil || len(m.Key) != 1 {
		return nil, errUnknown
	}
	if m.Mask, err = readBits(pair[1], m.Key[0]); err != nil {
		return nil, err
	}
	value, err := readBits(right, m.Key[0])
	m.Values = []Element{{Key: []Value{N(value)}}}
	return m, err
}

// readBits reads a number, a name, or a list of names ORed together.
func readBits(raw json.RawMessage, f Field) (uint64, error) {
	parts := []json.RawMessage{raw}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		parts = list
	} else if kind, body, err := one(raw); err == nil && kind == "|" {
		if json.Unmarshal(body, &parts) != nil {
			return 0, errUnknown
		}
		var all uint64
		for _, p := range parts {
			n, err := readBits(p, f)
			if err != nil {
				return 0, err
			}
			all |= n
		}
		return all, nil
	}
	var all uint64
	for _, p := range parts {
		v, err := readValue(p, f)
		n, ok := v.(Num)
		if err != nil || !ok || n.Lo != n.Hi {
			return 0, errUnknown
		}
		all |= n.Lo
	}
	return all, nil
}

func setName(raw json.RawMessage) (string, bool) {
	var s string
	if json.Unmarshal(raw, &s) != nil || !strings.HasPrefix(s, "@") {
		return "", false
	}
	return s[1:], true
}

// readValues reads the right side of a match: one value, or a set or list.
func readValues(raw json.RawMessage, key []Field) ([]Element, error) {
	parts := []json.RawMessage{raw}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		parts = list
	} else if kind, body, err := one(raw); err == nil && kind == "set" {
		parts = nil
		if json.Unmarshal(body, &parts) != nil {
			parts = []json.RawMessage{body}
		}
	}
	var out []Element
	for _, p := range parts {
		e, err := readKey(p, key)
		if err != nil {
			return nil, errUnknown
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return nil, errUnknown
	}
	return out, nil
}

func readValue(raw json.RawMessage, f Field) (Value, error) {
	var n uint64
	if json.Unmarshal(raw, &n) == nil {
		return N(n), nil
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return readWord(s, f)
	}
	kind, body, err := one(raw)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "prefix":
		return readPrefix(body)
	case "range":
		return readRange(body, f)
	case "|":
		n, err := readBits(raw, f)
		return N(n), err
	}
	return nil, errUnknown
}

func readWord(s string, f Field) (Value, error) {
	switch fieldType[f] {
	case IfName:
		return Str(s), nil
	case IPv4Addr, IPv6Addr:
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, errUnknown
		}
		return One(a), nil
	}
	if n, ok := numbers[f][s]; ok {
		return N(n), nil
	}
	return nil, errUnknown
}

func readPrefix(raw json.RawMessage) (Value, error) {
	var p struct {
		Addr string
		Len  int
	}
	if err := strict(raw, &p); err != nil {
		return nil, err
	}
	a, err := netip.ParseAddr(p.Addr)
	if err != nil {
		return nil, errUnknown
	}
	prefix, err := a.Prefix(p.Len)
	if err != nil {
		return nil, errUnknown
	}
	r := netipx.RangeOfPrefix(prefix)
	return Addr{r.From(), r.To()}, nil
}

func readRange(raw json.RawMessage, f Field) (Value, error) {
	var ends []json.RawMessage
	if json.Unmarshal(raw, &ends) != nil || len(ends) != 2 {
		return nil, errUnknown
	}
	lo, err := readValue(ends[0], f)
	if err != nil {
		return nil, err
	}
	hi, err := readValue(ends[1], f)
	if err != nil {
		return nil, err
	}
	switch lo := lo.(type) {
	case Addr:
		if hi, ok := hi.(Addr); ok {
			return Addr{lo.Lo, hi.Hi}, nil
		}
	case Num:
		if hi, ok := hi.(Num); ok {
			return Num{lo.Lo, hi.Hi}, nil
		}
	}
	return nil, errUnknown
}

// readFields reads the left side: a field or a concatenation of them.
func readFields(raw json.RawMessage) ([]Field, error) {
	kind, body, err := one(raw)
	if err != nil {
		return nil, err
	}
	if kind != "concat" {
		f, err := readField(kind, body)
		return []Field{f}, err
	}
	var parts []json.RawMessage
	if json.Unmarshal(body, &parts) != nil || len(parts) == 0 {
		return nil, errUnknown
	}
	var out []Field
	for _, p := range parts {
		kind, body, err := one(p)
		if err != nil {
			return nil, err
		}
		f, err := readField(kind, body)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func readField(kind string, raw json.RawMessage) (Field, error) {
	var name string
	switch kind {
	case "payload":
		var p struct{ Protocol, Field string }
		if err := strict(raw, &p); err != nil {
			return "", err
		}
		name = p.Protocol + " " + p.Field
	case "meta", "ct":
		var m struct{ Key string }
		if err := strict(raw, &m); err != nil {
			return "", err
		}
		name = kind + " " + m.Key
		if m.Key == "iifname" || m.Key == "oifname" {
			name = m.Key
		}
	case "fib":
		var f struct {
			Result string
			Flags  json.RawMessage
		}
		if err := strict(raw, &f); err != nil {
			return "", err
		}
		flags, err := words(f.Flags)
		if err != nil || len(flags) != 1 {
			return "", errUnknown
		}
		name = "fib " + flags[0] + " " + f.Result
	}
	if _, ok := fieldType[Field(name)]; !ok {
		return "", errUnknown
	}
	return Field(name), nil
}

func readVMap(raw json.RawMessage) (Stmt, error) {
	var m struct{ Key, Data json.RawMessage }
	if err := strict(raw, &m); err != nil {
		return nil, err
	}
	key, err := readFields(m.Key)
	if err != nil {
		return nil, err
	}
	if name, ok := setName(m.Data); ok {
		return VMap{Key: key, Set: name}, nil
	}
	var data struct{ Set [][2]json.RawMessage }
	if err := strict(m.Data, &data); err != nil {
		return nil, err
	}
	out := VMap{Key: key}
	for _, pair := range data.Set {
		e, err := readKey(pair[0], key)
		if err != nil {
			return nil, err
		}
		v, err := readVerdict(pair[1])
		if err != nil {
			return nil, err
		}
		e.Verdict = &v
		out.Elements = append(out.Elements, e)
	}
	return out, nil
}

func readCounter(raw json.RawMessage) (Stmt, error) {
	var name string
	if string(raw) == "null" {
		return Count{}, nil
	}
	if json.Unmarshal(raw, &name) == nil {
		return Count{Name: name}, nil
	}
	var anonymous struct{ Packets, Bytes uint64 }
	if strict(raw, &anonymous) == nil {
		return Count{}, nil
	}
	var mapped struct {
		Map struct {
			Key  json.RawMessage
			Data string
		}
	}
	if err := strict(raw, &mapped); err != nil || !strings.HasPrefix(mapped.Map.Data, "@") {
		return nil, errUnknown
	}
	key, err := readFields(mapped.Map.Key)
	return CountMap{Key: key, Set: mapped.Map.Data[1:]}, err
}

func readLog(raw json.RawMessage) (Stmt, error) {
	if string(raw) == "null" {
		return Log{Group: -1}, nil
	}
	var l struct {
		Prefix, Level  string
		Group          *int
		Snaplen        int
		QueueThreshold int `json:"queue-threshold"`
		Flags          json.RawMessage
	}
	if err := strict(raw, &l); err != nil {
		return nil, err
	}
	flags, err := words(l.Flags)
	if err != nil {
		return nil, errUnknown
	}
	out := Log{Prefix: l.Prefix, Group: -1, Snaplen: l.Snaplen, QThreshold: l.QueueThreshold, Level: l.Level, Flags: strings.Join(flags, ",")}
	if l.Group != nil {
		out.Group = *l.Group
	}
	return out, nil
}

func readLimit(raw json.RawMessage) (*Limit, error) {
	var l struct {
		Rate      int
		Burst     int
		Per       string
		Inv       bool
		RateUnit  string `json:"rate_unit"`
		BurstUnit string `json:"burst_unit"`
	}
	if err := strict(raw, &l); err != nil || l.RateUnit != "" && l.RateUnit != "packets" {
		return nil, errUnknown
	}
	return &Limit{Rate: l.Rate, Per: l.Per, Burst: l.Burst, Over: l.Inv}, nil
}

func readUpdate(raw json.RawMessage) (Stmt, error) {
	var u struct {
		Op   string
		Elem json.RawMessage
		Set  string
		Stmt []json.RawMessage
	}
	if err := strict(raw, &u); err != nil || !strings.HasPrefix(u.Set, "@") || u.Op != "update" && u.Op != "add" || len(u.Stmt) > 1 {
		return nil, errUnknown
	}
	key, err := readFields(u.Elem)
	if err != nil {
		return nil, err
	}
	out := Update{Set: u.Set[1:], Key: key, Add: u.Op == "add"}
	if len(u.Stmt) == 1 {
		kind, body, err := one(u.Stmt[0])
		if err != nil || kind != "limit" {
			return nil, errUnknown
		}
		if out.Limit, err = readLimit(body); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readReject(raw json.RawMessage) (Stmt, error) {
	if string(raw) == "null" {
		return RejectWith{ICMPX: "port-unreachable"}, nil
	}
	var r struct {
		Type string
		Expr string
	}
	if err := strict(raw, &r); err != nil {
		return nil, err
	}
	switch r.Type {
	case "tcp reset":
		return RejectWith{TCPReset: true}, nil
	case "icmpx":
		return RejectWith{ICMPX: r.Expr}, nil
	case "icmp":
		return RejectWith{ICMP: r.Expr}, nil
	case "icmpv6":
		return RejectWith{ICMPv6: r.Expr}, nil
	}
	return nil, errUnknown
}

func readTranslate(kind string, raw json.RawMessage) (Stmt, error) {
	if kind == "masquerade" && string(raw) == "null" {
		return Translate{Kind: kind}, nil
	}
	var t struct {
		Family string
		Addr   json.RawMessage
		Port   uint16
	}
	if err := strict(raw, &t); err != nil {
		return nil, err
	}
	out := Translate{Kind: kind, Family: t.Family, Port: t.Port}
	var addr string
	if json.Unmarshal(t.Addr, &addr) == nil {
		a, err := netip.ParseAddr(addr)
		if err != nil {
			return nil, errUnknown
		}
		out.Addr = a
		if out.Family == "" {
			out.Family = "ip6"
			if a.Is4() {
				out.Family = "ip"
			}
		}
		return out, nil
	}
	var m struct {
		Map struct {
			Key  json.RawMessage
			Data string
		}
	}
	if err := strict(t.Addr, &m); err != nil || !strings.HasPrefix(m.Map.Data, "@") {
		return nil, errUnknown
	}
	key, err := readFields(m.Map.Key)
	out.Key, out.Set = key, m.Map.Data[1:]
	return out, err
}
