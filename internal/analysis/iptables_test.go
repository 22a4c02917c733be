package analysis

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"glacis/internal/netset"

	"go4.org/netipx"
)

// A reader of iptables-save output, for real rulesets in tests: the filter
// table, IPv4. A match that it does not model makes a rule free.

type iptRule struct {
	line    int // of the file
	product [8]netset.Product
	classes map[netset.Class]bool
	free    bool
	never   bool
	target  string
}

type iptables struct {
	chains map[string][]iptRule
	policy map[string]string
	links  map[string]int // interfaces, numbered
}

func readIptables(t testing.TB, path string) *iptables {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("%v: the real captures are needed for this test", err)
	}
	defer f.Close()
	r := &iptables{chains: map[string][]iptRule{}, policy: map[string]string{}, links: map[string]int{}}
	table, n := "", 0
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		n++
		line := scan.Text()
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case table == "filter" && strings.HasPrefix(line, ":"):
			words := strings.Fields(line[1:])
			r.policy[words[0]] = words[1]
		case table == "filter" && strings.HasPrefix(line, "-A "):
			words := strings.Fields(line)
			rule, err := r.rule(words[2:])
			if err != nil {
				t.Fatalf("%s:%d: %v", path, n, err)
			}
			rule.line = n
			r.chains[words[1]] = append(r.chains[words[1]], rule)
		}
	}
	return r
}

func (r *iptables) rule(words []string) (iptRule, error) {
	out := iptRule{classes: map[netset.Class]bool{netset.TCP: true, netset.Ports: true, netset.ICMP: true, netset.Other: true}}
	narrow := func(f netset.Field, ranges ...netset.Range) {
		for c := range out.product {
			out.product[c] = out.product[c].With(f, ranges...)
		}
	}
	for len(words) > 0 {
		key := words[0]
		if key == "!" {
			return out, fmt.Errorf("negation")
		}
		value := ""
		if len(words) > 1 {
			value = words[1]
		}
		used := 2
		switch key {
		case "-s":
			narrow(netset.Src, rangeOf(value))
		case "-d":
			narrow(netset.Dst, rangeOf(value))
		case "-i":
			narrow(netset.In, netset.One(netset.Num(r.link(value))))
		case "-o":
			narrow(netset.Out, netset.One(netset.Num(r.link(value))))
		case "-p":
			out.protocol(value)
		case "-m", "--comment":
			if slices.Contains([]string{"mac", "recent", "limit", "hashlimit", "connlimit", "owner"}, value) {
				out.free = true
			}
		case "--state", "--ctstate":
			if !strings.Contains(value, "NEW") {
				out.never = true // this is about packets that begin connections
			}
		case "--dport", "--dports":
			narrow(netset.Dport, portsOf(value)...)
		case "--sport", "--sports":
			narrow(netset.Sport, portsOf(value)...)
		case "--tcp-flags":
			if value+" "+words[2] != "FIN,SYN,RST,ACK SYN" {
				return out, fmt.Errorf("flags %s", value)
			}
			used = 3
		case "--icmp-type":
			n, err := strconv.Atoi(value)
			if err != nil {
				return out, err
			}
			narrow(netset.Dport, netset.Range{Lo: netset.Num(n << 8), Hi: netset.Num(n<<8 | 255)})
		case "-j", "-g":
			out.target = value
			return out, nil
		case "--update", "--set", "--rcheck", "--rsource":
			used = 1
		case "--seconds", "--hitcount", "--name", "--mac-source", "--limit", "--limit-burst":
		default:
			return out, fmt.Errorf("%q is not understood", key)
		}
		words = words[used:]
	}
	return out, nil
}

func (r *iptables) link(name string) int {
	if _, ok := r.links[name]; !ok {
		r.links[name] = len(r.links) + 1
	}
	return r.links[name]
}

func (r *iptRule) protocol(name string) {
	proto := map[string]int{"tcp": 6, "udp": 17, "icmp": 1, "sctp": 132, "gre": 47, "esp": 50, "ah": 51, "all": -1, "ospf": 89, "igmp": 2, "ipv6": 41, "vrrp": 112, "pim": 103}[name]
	if n, err := strconv.Atoi(name); err == nil {
		proto = n
	}
	if proto < 0 {
		return
	}
	u := netset.ClassOf(true, uint8(proto))
	r.classes = map[netset.Class]bool{u.Class: true}
	if u.Has(netset.Proto) {
		r.product[u.Class] = r.product[u.Class].With(netset.Proto, netset.One(netset.Num(proto)))
	}
}

func rangeOf(prefix string) netset.Range {
	if !strings.Contains(prefix, "/") {
		prefix += "/32"
	}
	r := netipx.RangeOfPrefix(netip.MustParsePrefix(prefix))
	return netset.Range{Lo: netset.Address(r.From()), Hi: netset.Address(r.To())}
}

func portsOf(list string) []netset.Range {
	var out []netset.Range
	for _, word := range strings.Split(list, ",") {
		lo, hi, isRange := strings.Cut(word, ":")
		if !isRange {
			hi = lo
		}
		a, _ := strconv.Atoi(lo)
		b, _ := strconv.Atoi(hi)
		out = append(out, netset.Range{Lo: netset.Num(a), Hi: netset.Num(b)})
	}
	return out
}

// list unrolls a chain into one list; a chain that is called more than once
// stands there as often. Line numbers of the file come with it.
func (r *iptables) list(chain string) (*List, []int) {
	l := &List{}
	var lines []int
	if r.policy[chain] == "ACCEPT" {
		l.Otherwise = allowed
	}
	r.unroll(chain, iptRule{classes: map[netset.Class]bool{netset.TCP: true, netset.Ports: true, netset.ICMP: true, netset.Other: true}}, l, &lines, true)
	return l, lines
}

func (r *iptables) unroll(chain string, guard iptRule, l *List, lines *[]int, top bool) {
	var returns []int
	for _, rule := range r.chains[chain] {
		both, ok := guard.and(rule)
		if !ok {
			continue
		}
		if _, isChain := r.chains[rule.target]; isChain {
			r.unroll(rule.target, both, l, lines, false)
			continue
		}
		line := Line{Free: both.free, Parts: both.parts()}
		switch rule.target {
		case "ACCEPT":
			line.Result = allowed
		case "DROP":
		case "REJECT":
			line.Result = rejected
		case "RETURN":
			returns = append(returns, len(l.Lines))
		default: // LOG, or a rule that only counts
			continue
		}
		l.Lines, *lines = append(l.Lines, line), append(*lines, rule.line)
	}
	for _, k := range returns {
		l.Lines[k].Resume = len(l.Lines)
		if top { // the end of a base chain is its policy
			l.Lines[k].Result = l.Otherwise
		}
	}
}

// and joins the match of a chain's call with one of its rules.
func (g iptRule) and(r iptRule) (iptRule, bool) {
	out := iptRule{classes: map[netset.Class]bool{}, free: g.free || r.free, never: g.never || r.never}
	for c := range g.classes {
		if !r.classes[c] {
			continue
		}
		product, ok := g.product[c], true
		for f := range netset.NumFields {
			product[f] = meet(g.product[c][f], r.product[c][f])
			ok = ok && (product[f] == nil || len(product[f]) > 0)
		}
		if ok {
			out.classes[c], out.product[c] = true, product
		}
	}
	return out, len(out.classes) > 0 && !out.never
}

// meet intersects ranges; nil is everything.
func meet(a, b []netset.Range) []netset.Range {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	out := []netset.Range{}
	for _, x := range a {
		for _, y := range b {
			lo, hi := x.Lo, x.Hi
			if y.Lo.Compare(lo) > 0 {
				lo = y.Lo
			}
			if y.Hi.Compare(hi) < 0 {
				hi = y.Hi
			}
			if lo.Compare(hi) <= 0 {
				out = append(out, netset.Range{Lo: lo, Hi: hi})
			}
		}
	}
	return out
}

func (g iptRule) parts() []Part {
	var out []Part
	for _, u := range netset.Universes() {
		if u.Is4 && g.classes[u.Class] {
			out = append(out, Part{u, g.product[u.Class]})
		}
	}
	return out
}
