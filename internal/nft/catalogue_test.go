package nft

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"
)

func a(s string) Addr { return One(netip.MustParseAddr(s)) }

func span(lo, hi string) Addr { return Addr{netip.MustParseAddr(lo), netip.MustParseAddr(hi)} }

func key(values ...Value) Element { return Element{Key: values} }

func match(f Field, values ...Value) Match {
	m := Match{Key: []Field{f}}
	for _, v := range values {
		m.Values = append(m.Values, key(v))
	}
	return m
}

func not(m Match) Match { m.Not = true; return m }

func masked(f Field, mask, value uint64) Match {
	return Match{Key: []Field{f}, Mask: mask, Values: []Element{key(N(value))}}
}

func accept(stmts ...Stmt) *Rule {
	return &Rule{Stmts: append(stmts, Verdict{Kind: Accept})}
}

func only(stmts ...Stmt) *Rule { return &Rule{Stmts: stmts} }

// fieldCatalogue compares every field with a value, several, a range, and not.
func fieldCatalogue() []*Rule {
	v4, v6, any := []Value{a("10.0.0.1"), span("10.1.0.0", "10.1.255.255"), span("10.2.0.3", "10.2.0.9")}, []Value{a("2001:db8::1"), span("2001:db8:1::", "2001:db8:1::ffff"), span("2001:db8:2::3", "2001:db8:2::9")}, []Value{N(5), Num{20, 30}, N(200)}
	ports := []Value{N(22), Num{1024, 65535}, N(53)}
	several := map[Field][]Value{IPSaddr: v4, IPDaddr: v4, IP6Saddr: v6, IP6Daddr: v6, IPProtocol: {N(6), N(17), N(89)}, IPTTL: any, IP6HopLimit: any,
		TCPSport: ports, TCPDport: ports, UDPSport: ports, UDPDport: ports, SCTPSport: ports, SCTPDport: ports, DCCPSport: ports, DCCPDport: ports, UDPLiteSport: ports, UDPLiteDport: ports, ThSport: ports, ThDport: ports, TCPFlags: {N(2), N(18), N(16)},
		ICMPTypeF: {N(8), Num{0, 3}, N(42)}, ICMPCodeF: {N(13), Num{1, 3}, N(77)}, ICMPv6TypeF: {N(128), Num{1, 4}, N(200)}, ICMPv6CodeF: {N(6), Num{1, 3}, N(77)},
		IIFName: {Str("eth0"), Str("eth1.20"), Str("lo")}, OIFName: {Str("eth0"), Str("tun*")}, L4Proto: {N(6), N(17), N(58)}, NFProto: {N(2), N(10)},
		MetaMark: {N(1), Num{16, 255}}, CTStateF: {N(CTEstablished), N(CTNew)}, CTStatus: {N(32), N(48)}, FibDaddrType: {N(2), N(3), N(5)}}
	var out []*Rule
	for _, f := range slices.Sorted(maps.Keys(several)) {
		values := several[f]
		out = append(out, accept(match(f, values[0])), accept(match(f, values...)), accept(not(match(f, values[0]))), accept(not(match(f, values...))))
		if n, ok := values[1].(Num); ok && n.Lo != n.Hi || isRange(values[1]) && values[1] != Value(Str("tun*")) {
			out = append(out, accept(match(f, values[1])), accept(not(match(f, values[1]))))
		}
	}
	out = append(out, accept(match(IIFName, Str("eth*"))), accept(not(match(OIFName, Str("eth*")))),
		accept(masked(TCPFlags, 23, 2)), accept(not(masked(TCPFlags, 23, 2))), accept(not(masked(TCPFlags, 18, 0))), accept(masked(MetaMark, 0xff, 5)), accept(not(masked(CTStatus, 48, 0))))
	return out
}

// statementCatalogue has every kind of statement in every form.
func statementCatalogue() []*Rule {
	update := func(set string, f Field, l *Limit) Update { return Update{Set: set, Key: []Field{f}, Limit: l} }
	five := &Limit{Rate: 5, Per: "second", Burst: 20}
	state := func(bit int, v Verdict) Element { return Element{Key: []Value{N(bit)}, Verdict: &v} }
	added := update("seen4", IPSaddr, nil)
	added.Add = true
	return []*Rule{
		only(Verdict{Kind: Accept}), only(Verdict{Kind: Drop}), only(Verdict{Kind: Return}), only(Verdict{Kind: Continue}),
		only(Verdict{Kind: Jump, Chain: "target"}), only(Verdict{Kind: Goto, Chain: "target"}),
		{Stmts: []Stmt{Verdict{Kind: Drop}}, Comment: "r1 rules.yaml:12 (a $(thing); `x` with 'quotes' \\ and # more)"},
		accept(Match{Key: []Field{IPSaddr}, Set: "nets4"}), accept(not(Match{Key: []Field{IP6Daddr}, Set: "nets6"})),
		accept(Match{Key: []Field{IPSaddr, IPDaddr, L4Proto, ThDport}, Set: "flows4"}),
		accept(Match{Key: []Field{IPSaddr, TCPDport}, Values: []Element{key(a("10.0.0.1"), N(22)), key(a("10.0.0.2"), N(80))}}),
		accept(not(Match{Key: []Field{IPSaddr, TCPDport}, Values: []Element{key(a("10.0.0.1"), N(22)), key(a("10.0.0.2"), N(80))}})),
		accept(Match{Key: []Field{IPSaddr, TCPDport}, Values: []Element{key(span("10.0.0.0", "10.0.0.255"), Num{20, 30}), key(a("10.0.1.2"), N(80))}}),
		only(VMap{Key: []Field{CTStateF}, Elements: []Element{state(CTEstablished, Verdict{Kind: Accept}), state(CTRelated, Verdict{Kind: Goto, Chain: "target"}), state(CTInvalid, Verdict{Kind: Drop}), state(CTUntracked, Verdict{Kind: Jump, Chain: "target"})}}),
		only(VMap{Key: []Field{IIFName, OIFName}, Set: "pairs"}), only(VMap{Key: []Field{IPSaddr}, Set: "from4"}),
		only(Count{}), only(Count{Name: "rule.r1"}), accept(Count{Name: "rule.r1"}),
		accept(CountMap{Key: []Field{IPDaddr, L4Proto, ThDport}, Set: "allow4"}), accept(CountMap{Key: []Field{IPSaddr, IPDaddr, L4Proto, ThDport}, Set: "wide4"}),
		only(Log{Group: -1}), only(Log{Prefix: "glacis drop ", Group: 1, Snaplen: 128, QThreshold: 64}), only(Log{Prefix: "x ", Group: 0}), only(Log{Prefix: "k ", Group: -1, Level: "debug", Flags: "all"}),
		accept(*five), accept(Limit{Rate: 7, Per: "minute", Burst: 5, Over: true}), accept(Limit{Rate: 1, Per: "hour", Burst: 1}), accept(Limit{Rate: 9, Per: "day", Burst: 3}),
		accept(update("seen4", IPSaddr, nil)), accept(added), accept(update("seen6", IP6Saddr, five)), accept(update("big4", IPSaddr, &Limit{Rate: 3, Per: "second", Burst: 5, Over: true})),
		only(match(L4Proto, N(6)), RejectWith{TCPReset: true}), only(RejectWith{ICMPX: "admin-prohibited"}), only(RejectWith{ICMPX: "port-unreachable"}), only(RejectWith{ICMP: "host-prohibited"}), only(RejectWith{ICMPv6: "policy-fail"}),
		only(Notrack{}),
	}
}

// natCatalogue has every translation; two chains, for each kind has its hook.
func natCatalogue() (dst, src []*Rule) {
	v4, v6 := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("2001:db8::9")
	dst = []*Rule{only(Translate{Kind: "dnat", Family: "ip", Addr: v4}), only(match(TCPDport, N(80)), Translate{Kind: "dnat", Family: "ip", Addr: v4, Port: 8080}),
		only(Translate{Kind: "dnat", Family: "ip6", Addr: v6}), only(match(TCPDport, N(80)), Translate{Kind: "dnat", Family: "ip6", Addr: v6, Port: 8080}),
		only(Translate{Kind: "dnat", Family: "ip", Key: []Field{IPDaddr}, Set: "hosts4"}), only(Translate{Kind: "dnat", Family: "ip", Key: []Field{IPDaddr, TCPDport}, Set: "fwd4"})}
	src = []*Rule{only(Translate{Kind: "snat", Family: "ip", Addr: v4}), only(match(L4Proto, N(6)), Translate{Kind: "snat", Family: "ip", Addr: v4, Port: 5000}),
		only(Translate{Kind: "snat", Family: "ip6", Addr: v6}), only(Translate{Kind: "masquerade"})}
	return dst, src
}

// setCatalogue has every kind of set.
func setCatalogue() []*Set {
	drop, target := &Verdict{Kind: Drop}, &Verdict{Kind: Goto, Chain: "target"}
	flow := []Type{IPv4Addr, IPv4Addr, InetProto, InetService}
	return []*Set{
		{Name: "nets4", Comment: "networks", Key: []Type{IPv4Addr}, Interval: true, Elements: []Element{key(a("10.0.0.1")), key(span("10.1.0.0", "10.1.255.255")), key(span("10.2.0.3", "10.2.0.9"))}},
		{Name: "nets6", Key: []Type{IPv6Addr}, Interval: true, Elements: []Element{key(a("2001:db8::1")), key(span("2001:db8:1::", "2001:db8:1::ffff")), key(span("2001:db8:2::3", "2001:db8:2::9"))}},
		{Name: "nobody4", Key: []Type{IPv4Addr}, Interval: true},
		{Name: "flows4", Key: flow, Interval: true, Elements: []Element{key(span("10.0.0.0", "10.0.0.255"), a("10.9.0.1"), N(6), Num{20, 30}), key(span("10.0.1.3", "10.0.1.9"), span("10.9.0.0", "10.9.255.255"), N(17), N(53))}},
		{Name: "pairs", Key: []Type{IfName, IfName}, Verdicts: true, Elements: []Element{{Key: []Value{Str("eth0"), Str("eth1.20")}, Verdict: target}, {Key: []Value{Str("eth1.20"), Str("eth0")}, Verdict: drop}}},
		{Name: "from4", Key: []Type{IPv4Addr}, Verdicts: true, Interval: true, Elements: []Element{{Key: []Value{span("10.0.0.0", "10.0.0.255")}, Verdict: target}, {Key: []Value{span("10.0.1.3", "10.0.1.9")}, Verdict: drop}}},
		{Name: "catchall", Key: []Type{InetService}, Verdicts: true, Elements: []Element{{Key: []Value{N(22)}, Verdict: target}, {Default: true, Verdict: drop}}},
		{Name: "allow4", Key: flow[1:], Counters: true, Elements: []Element{{Key: []Value{a("10.9.0.1"), N(6), N(22)}, Counter: "rule.r1"}, {Key: []Value{a("10.9.0.2"), N(17), N(53)}, Counter: "rule.r2"}}},
		{Name: "wide4", Key: flow, Counters: true, Interval: true, Elements: []Element{{Key: []Value{span("10.0.0.0", "10.0.0.255"), a("10.9.0.1"), N(6), Num{20, 30}}, Counter: "rule.r1"}}},
		{Name: "hosts4", Key: []Type{IPv4Addr}, Data: []Type{IPv4Addr}, Elements: []Element{{Key: []Value{a("192.0.2.1")}, Data: []Value{a("10.9.0.1")}}}},
		{Name: "fwd4", Key: []Type{IPv4Addr, InetService}, Data: []Type{IPv4Addr, InetService}, Elements: []Element{{Key: []Value{a("192.0.2.1"), N(80)}, Data: []Value{a("10.9.0.1"), N(8080)}}}},
		{Name: "seen4", Key: []Type{IPv4Addr}, Dynamic: true, Timeout: 10 * time.Second, Size: 100},
		{Name: "seen6", Key: []Type{IPv6Addr}, Dynamic: true, Timeout: 90 * time.Minute, Size: 65535},
		{Name: "big4", Key: []Type{IPv4Addr}, Dynamic: true, Size: 1000},
		{Name: "timed4", Key: []Type{IPv4Addr}, Timeout: time.Hour},
		{Name: "fixed", Key: []Type{InetProto}, Constant: true, Elements: []Element{key(N(6)), key(N(89))}},
		{Name: "marks", Key: []Type{Mark}, Elements: []Element{key(N(7))}},
		{Name: "states", Key: []Type{CTState}, Elements: []Element{key(N(CTNew))}},
		{Name: "types4", Key: []Type{ICMPType}, Elements: []Element{key(N(8)), key(N(99))}},
		{Name: "types6", Key: []Type{ICMPv6Type}, Elements: []Element{key(N(128)), key(N(99))}},
	}
}

// numberCatalogue names every number of the fields that have names.
func numberCatalogue() []*Rule {
	var out []*Rule
	for _, f := range []Field{L4Proto, IPProtocol, ICMPTypeF, ICMPCodeF, ICMPv6TypeF, ICMPv6CodeF, TCPFlags} {
		for n := range 256 {
			out = append(out, accept(match(f, N(n))))
		}
	}
	return out
}

// catalogue is a ruleset with everything in it.
func catalogue() *Ruleset {
	dst, src := natCatalogue()
	hook := func(kind, name string, priority int, policy string, rules []*Rule) *Chain {
		return &Chain{Name: name, Base: &Base{Type: kind, Hook: name, Priority: priority, Policy: policy}, Rules: rules}
	}
	t := &Table{Family: "inet", Name: "glacis", Counters: []*Counter{{Name: "rule.r1", Comment: "rules.yaml:12"}, {Name: "rule.r2"}}, Sets: setCatalogue()}
	t.Chains = []*Chain{{Name: "target"}, {Name: "fields", Rules: fieldCatalogue()}, {Name: "numbers", Rules: numberCatalogue()}, {Name: "statements", Rules: statementCatalogue()[:len(statementCatalogue())-1]},
		hook("filter", "prerouting", PriorityRaw, "drop", []*Rule{only(Notrack{}), accept(match(FibDaddrType, N(2)))}),
		hook("filter", "input", PriorityFilter, "drop", []*Rule{only(VMap{Key: []Field{ThDport}, Set: "catchall"})}), hook("filter", "forward", PriorityFilter, "accept", nil), hook("filter", "output", -150, "accept", nil),
		{Name: "dstnat", Base: &Base{Type: "nat", Hook: "prerouting", Priority: PriorityDstNAT, Policy: "accept"}, Rules: dst},
		{Name: "srcnat", Base: &Base{Type: "nat", Hook: "postrouting", Priority: PrioritySrcNAT, Policy: "accept"}, Rules: src}}
	for k, c := range t.Chains {
		c.Comment = fmt.Sprint("chain ", k)
	}
	return &Ruleset{Tables: []*Table{t}}
}
