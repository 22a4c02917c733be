package compile_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"glacis/internal/compile"
	"glacis/internal/policy"
	"glacis/internal/predict"

	"pgregory.net/rapid"
)

// TestMergedEqualsUnmerged compiles random runs of plain rules with and without
// merging: every packet of a small universe has the same fate and the same
// rule counts it.
func TestMergedEqualsUnmerged(t *testing.T) {
	merged := 0
	rapid.Check(t, func(t *rapid.T) {
		text := twoZones + "rules:\n" + strings.Join(randomRun(t), "\n")
		s, _, err := load(text, "")
		if err != nil {
			t.Skip(err)
		}
		fast := compiled(t, s)
		cfg, _ := compile.CompileUnmerged(s, "fw", compile.Options{Now: now})
		slow := predict.Node{Config: cfg, Active: true, Ruleset: cfg.Ruleset}
		merged += lookups(fast)
		if lookups(slow) != 0 {
			t.Fatal("merged in spite of being told not to")
		}
		for _, p := range universe() {
			got, r, err := fast.Eval(s, p, true)
			want, o, oErr := slow.Eval(s, p, true)
			if err != nil || oErr != nil {
				t.Fatal(err, oErr)
			}
			if got != want || fmt.Sprint(r.Counters, r.Logs) != fmt.Sprint(o.Counters, o.Logs) {
				t.Fatalf("%s: merged %s by %v %v, one by one %s by %v %v\n%s", p, got, r.Counters, r.Logs, want, o.Counters, o.Logs, text)
			}
		}
	})
	if merged == 0 {
		t.Error("nothing was ever merged")
	}
}

// lookups counts the maps that stand for runs of rules.
func lookups(n predict.Node) int {
	k := 0
	for _, s := range n.Ruleset.Tables[0].Sets {
		if strings.HasPrefix(s.Name, "allow") {
			k++
		}
	}
	return k
}

// randomRun draws rules between a few addresses and ports, most of them plain.
func randomRun(t *rapid.T) []string {
	from := []string{"users", "10.1.0.2", "10.1.0.2-10.1.0.3", `"2001:db8:1::2"`, `["10.1.0.3", "2001:db8:1::/127"]`, "10.1.0.4/30"}
	to := []string{"servers", "10.2.0.2", "10.2.0.2-10.2.0.4", `"2001:db8:2::2"`, `["10.2.0.3", "2001:db8:2::2-2001:db8:2::5"]`, "10.2.0.4/30"}
	plain := []string{"tcp/1", "tcp/2", "tcp/1-3", "udp/2", "[tcp/2, udp/1-2]", "tcp", "sctp/2", "[tcp/1, tcp/2, tcp/4]"}
	other := []string{"icmp-echo", "any", "tcp/2 from 1", "gre"}
	var out []string
	for k := range 3 + below(t, 8, "rules") {
		action, service, more := "allow", pick(t, plain, "plain"), ""
		switch below(t, 12, "kind") {
		case 9:
			action = pick(t, []string{"drop", "reject"}, "action")
		case 10:
			service = pick(t, other, "other")
		case 11:
			more = ", " + pick(t, []string{"log: true", "limit: {new: 5/s}"}, "more")
		}
		out = append(out, fmt.Sprintf("  - {name: r%d, %s: %s, from: %s, to: %s, because: b, owner: o%s}", k, action, service, pick(t, from, "from"), pick(t, to, "to"), more))
	}
	return out
}

// universe is every packet between a few addresses on a few ports.
func universe() []policy.Packet {
	var out []policy.Packet
	add := func(src, dst netip.Addr) {
		p := policy.Packet{In: "inside", Src: src, Dst: dst}
		for _, proto := range []uint8{policy.TCP, policy.UDP, policy.SCTP} {
			for port := range uint16(6) {
				p.Proto, p.SrcPort, p.DstPort = proto, 1, port
				out = append(out, p)
				p.SrcPort = 2
				out = append(out, p)
			}
		}
		out = append(out, policy.Packet{In: "inside", Src: src, Dst: dst, Proto: policy.GRE}, policy.Packet{In: "inside", Src: src, Dst: dst, Proto: policy.ICMP, ICMPType: 8})
	}
	for s := range 7 {
		for d := range 8 {
			add(addr(fmt.Sprintf("10.1.0.%d", s+2)), addr(fmt.Sprintf("10.2.0.%d", d+2)))
			add(addr(fmt.Sprintf("2001:db8:1::%x", s)), addr(fmt.Sprintf("2001:db8:2::%x", d+2)))
		}
	}
	return out
}
