package nft

import (
	"net/netip"
	"strings"
	"testing"
)

// hookChain is a base chain of the hook input, or of the one given.
func hookChain(policy string, rules ...*Rule) *Chain {
	return &Chain{Name: "in", Base: &Base{Type: "filter", Hook: "input", Policy: policy}, Rules: rules}
}

func verdict(kind VerdictKind, chain string) Stmt { return Verdict{Kind: kind, Chain: chain} }

var toMe = Env{Route: func(netip.Addr) (string, bool, bool) { return "", true, true }, FibType: func(netip.Addr) uint64 { return FibLocal }, UnderLimit: true}

func tcp(dport uint16) Packet {
	return Packet{IIF: "eth0", Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: 6, SrcPort: 4000, DstPort: dport, TCPFlags: 2, HopLimit: 64, CTState: CTNew}
}

func udp6() Packet {
	return Packet{IIF: "eth0", Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2"), Proto: 17, SrcPort: 4000, DstPort: 53, CTState: CTNew}
}

func eval(t *testing.T, p Packet, env Env, chains ...*Chain) Result {
	t.Helper()
	r, err := (&Ruleset{Tables: []*Table{{Family: "inet", Name: "t", Chains: chains}}}).Eval(p, env)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEvalChains: jump comes back, goto does not, return ends a chain, and the
// policy decides what no rule did (nft(8), "verdict statement").
func TestEvalChains(t *testing.T) {
	end := only(Count{Name: "after"}, Verdict{Kind: Accept})
	for _, c := range []struct {
		name   string
		chains []*Chain
		want   string
	}{
		{"policy drop", []*Chain{hookChain("drop")}, Dropped},
		{"policy accept", []*Chain{hookChain("accept")}, Accepted},
		{"jump comes back", []*Chain{hookChain("drop", only(verdict(Jump, "a")), end), {Name: "a"}}, Accepted},
		{"goto does not", []*Chain{hookChain("drop", only(verdict(Goto, "a")), end), {Name: "a"}}, Dropped},
		{"goto inside a jump returns to the jump", []*Chain{hookChain("drop", only(verdict(Jump, "a")), end), {Name: "a", Rules: []*Rule{only(verdict(Goto, "b")), only(verdict(Drop, ""))}}, {Name: "b"}}, Accepted},
		{"return in a base chain is its policy", []*Chain{hookChain("drop", only(verdict(Return, "")), end)}, Dropped},
		{"return ends the jumped chain only", []*Chain{hookChain("drop", only(verdict(Jump, "a")), end), {Name: "a", Rules: []*Rule{only(verdict(Return, "")), only(verdict(Drop, ""))}}}, Accepted},
		{"return in a goto target returns to the jump", []*Chain{hookChain("drop", only(verdict(Jump, "a")), end), {Name: "a", Rules: []*Rule{only(verdict(Goto, "b"))}}, {Name: "b", Rules: []*Rule{only(verdict(Return, "")), only(verdict(Drop, ""))}}}, Accepted},
		{"continue goes on", []*Chain{hookChain("drop", only(verdict(Continue, "")), end)}, Accepted},
		{"drop is final in spite of a later chain", []*Chain{hookChain("accept", only(verdict(Drop, ""))), {Name: "late", Base: &Base{Type: "filter", Hook: "input", Priority: 10, Policy: "accept"}, Rules: []*Rule{end}}}, Dropped},
		{"accept is not", []*Chain{hookChain("accept", end), {Name: "late", Base: &Base{Type: "filter", Hook: "input", Priority: 10, Policy: "drop"}}}, Dropped},
		{"priority, not order, decides", []*Chain{{Name: "late", Base: &Base{Type: "filter", Hook: "input", Priority: 10, Policy: "accept"}, Rules: []*Rule{only(Count{Name: "late"}, Verdict{Kind: Accept})}}, hookChain("accept", only(RejectWith{ICMPX: "admin-prohibited"}))}, Rejected},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := eval(t, tcp(22), toMe, c.chains...); got.Verdict != c.want || strings.Contains(strings.Join(got.Counters, " "), "late") {
				t.Errorf("%s, counters %v, want %s", got.Verdict, got.Counters, c.want)
			}
		})
	}
}

// TestEvalMatches: what one rule says of a packet.
func TestEvalMatches(t *testing.T) {
	over := toMe
	over.UnderLimit = false
	icmp4in6 := udp6()
	icmp4in6.Proto, icmp4in6.ICMPType = 1, 8
	untracked := tcp(22)
	untracked.CTState = CTUntracked
	for _, c := range []struct {
		name  string
		p     Packet
		env   Env
		stmts []Stmt
		want  bool
	}{
		{"equal", tcp(22), toMe, []Stmt{match(TCPDport, N(22))}, true},
		{"not equal", tcp(23), toMe, []Stmt{not(match(TCPDport, N(22)))}, true},
		{"a missing field ends the rule", udp6(), toMe, []Stmt{match(TCPDport, N(53))}, false},
		{"a missing field ends the rule for != too", udp6(), toMe, []Stmt{not(match(TCPDport, N(22)))}, false},
		{"an IPv4 field of an IPv6 packet", udp6(), toMe, []Stmt{not(match(IPSaddr, a("10.0.0.1")))}, false},
		{"ICMP has no type in IPv6", icmp4in6, toMe, []Stmt{match(ICMPTypeF, Num{0, 255})}, false},
		{"ends of a range", tcp(30), toMe, []Stmt{match(TCPDport, Num{20, 30})}, true},
		{"past a range", tcp(31), toMe, []Stmt{match(TCPDport, Num{20, 30})}, false},
		{"wildcard interface", tcp(22), toMe, []Stmt{match(IIFName, Str("eth*"))}, true},
		{"another interface", tcp(22), toMe, []Stmt{match(IIFName, Str("eth"))}, false},
		{"masked", tcp(22), toMe, []Stmt{masked(TCPFlags, 23, 2)}, true},
		{"any of the bits", tcp(22), toMe, []Stmt{not(masked(TCPFlags, 18, 0))}, true},
		{"none of the bits", tcp(22), toMe, []Stmt{not(masked(TCPFlags, 16, 0))}, false},
		{"under a limit", tcp(22), toMe, []Stmt{Limit{Rate: 5, Per: "second"}}, true},
		{"over a limit", tcp(22), over, []Stmt{Limit{Rate: 5, Per: "second"}}, false},
		{"limit over, under it", tcp(22), toMe, []Stmt{Limit{Rate: 5, Per: "second", Over: true}}, false},
		{"limit over, over it", tcp(22), over, []Stmt{Limit{Rate: 5, Per: "second", Over: true}}, true},
		{"update with a limit", tcp(22), over, []Stmt{Update{Set: "seen", Key: []Field{IPSaddr}, Limit: &Limit{Rate: 5, Per: "second"}}}, false},
		{"update of a key the packet lacks", udp6(), toMe, []Stmt{Update{Set: "seen", Key: []Field{IPSaddr}}}, false},
		{"catch-all of a map", tcp(99), toMe, []Stmt{VMap{Key: []Field{TCPDport}, Elements: []Element{{Key: []Value{N(1)}, Verdict: &Verdict{Kind: Drop}}, {Default: true, Verdict: &Verdict{Kind: Continue}}}}}, false},
		{"translation of another family goes on", udp6(), toMe, []Stmt{Translate{Kind: "dnat", Family: "ip", Addr: netip.MustParseAddr("10.0.0.9")}}, true},
		{"untracked is no new", untracked, toMe, []Stmt{match(CTStateF, N(CTNew))}, false},
		{"reject of another family", udp6(), toMe, []Stmt{RejectWith{ICMP: "admin-prohibited"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := eval(t, c.p, c.env, hookChain("drop", only(append(c.stmts, Verdict{Kind: Accept})...)))
			if (r.Verdict == Accepted) != c.want {
				t.Errorf("%s, want a match: %v", r.Verdict, c.want)
			}
		})
	}
}

// TestEvalHooks: nat chains are asked for new connections only, notrack takes a
// packet out of tracking, and before tracking no packet has a state.
func TestEvalHooks(t *testing.T) {
	nat := &Chain{Name: "nat", Base: &Base{Type: "nat", Hook: "prerouting", Priority: PriorityDstNAT, Policy: "accept"},
		Rules: []*Rule{only(Translate{Kind: "dnat", Family: "ip", Addr: netip.MustParseAddr("10.0.0.9"), Port: 80})}}
	if r := eval(t, tcp(22), toMe, nat); r.Dst.String() != "10.0.0.9" || r.DstPort != 80 {
		t.Errorf("a new connection goes to %s:%d", r.Dst, r.DstPort)
	}
	known := tcp(22)
	known.CTState = CTEstablished
	if r := eval(t, known, toMe, nat); r.Dst != known.Dst {
		t.Errorf("an established connection is translated again, to %s", r.Dst)
	}
	raw := &Chain{Name: "raw", Base: &Base{Type: "filter", Hook: "prerouting", Priority: PriorityRaw, Policy: "accept"}, Rules: []*Rule{only(Notrack{})}}
	if r := eval(t, tcp(22), toMe, raw, hookChain("drop", accept(match(CTStateF, N(CTUntracked))))); r.Verdict != Accepted {
		t.Error("notrack leaves the packet tracked")
	}
	raw.Rules = []*Rule{only(match(CTStateF, N(CTNew)), Verdict{Kind: Drop})}
	if r := eval(t, tcp(22), toMe, raw); r.Verdict != Accepted {
		t.Error("a packet has a state before connection tracking")
	}
}

// TestEvalRefuses: what cannot be answered is an error, never an answer.
func TestEvalRefuses(t *testing.T) {
	loop := []*Chain{hookChain("drop", only(verdict(Goto, "a"))), {Name: "a", Rules: []*Rule{only(verdict(Goto, "a"))}}}
	twice := Match{Key: []Field{TCPDport}, Values: []Element{key(Num{1, 30}), key(N(22))}}
	for name, chains := range map[string][]*Chain{
		"unknown statement": {hookChain("drop", only(Unknown{Text: "xt"}))},
		"no such chain":     {hookChain("drop", only(verdict(Jump, "nowhere")))},
		"no such set":       {hookChain("drop", accept(Match{Key: []Field{IPSaddr}, Set: "nothing"}))},
		"dynamic set":       {hookChain("drop", accept(Match{Key: []Field{IPSaddr}, Set: "seen"}))},
		"unknown set":       {hookChain("drop", accept(Match{Key: []Field{IPSaddr}, Set: "odd"}))},
		"unknown field":     {hookChain("drop", accept(match("ether saddr", N(1))))},
		"a loop":            loop,
		"two elements":      {hookChain("drop", accept(twice))},
		"ingress":           {{Name: "i", Base: &Base{Type: "filter", Hook: "ingress", Device: "eth0"}, Rules: []*Rule{accept()}}},
		"masquerade":        {{Name: "nat", Base: &Base{Type: "nat", Hook: "prerouting", Policy: "accept"}, Rules: []*Rule{only(Translate{Kind: "masquerade"})}}},
	} {
		table := &Table{Family: "inet", Name: "t", Chains: chains, Sets: []*Set{{Name: "seen", Key: []Type{IPv4Addr}, Dynamic: true}, {Name: "odd", Unknown: "a type"}}}
		if r, err := (&Ruleset{Tables: []*Table{table}}).Eval(tcp(22), toMe); err == nil {
			t.Errorf("%s: %s", name, r.Verdict)
		}
	}
}
