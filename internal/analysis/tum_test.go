package analysis

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"glacis/internal/netset"
)

// captures is where real rulesets are, beside the project: the firewall of a
// chair in Munich and others, with bounds and a service matrix that the verified
// tool of "Verified iptables Firewall Analysis" (Diekmann et al., IFIP
// Networking 2016) worked out. They are no part of the project.
const captures = "../../../shared/data/iptables/"

func capture(t testing.TB, name string) string {
	t.Helper()
	dir := captures
	if other := os.Getenv("GLACIS_SHARED"); other != "" {
		dir = filepath.Join(other, "data/iptables")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("NOT TESTED: the real ruleset %s is not here; put the shared data beside the project, or name its directory in GLACIS_SHARED", name)
	}
	return path
}

func TestJudgeRealRuleset(t *testing.T) {
	r := readIptables(t, capture(t, "tum-2015-05-15.iptables-save"))
	l, lines := r.list("FORWARD")
	start := time.Now()
	verdicts := l.Judge()
	took := time.Since(start)
	count := map[Status]int{}
	for k, v := range verdicts {
		count[v.Status]++
		if v.Status == Unreachable && len(v.By) == 0 {
			t.Errorf("line %d is unreachable for no reason", lines[k])
		}
	}
	t.Logf("%d lines: %v in %v", len(l.Lines), count, took)
	if count[Undecided] > 0 || count[Unreachable] == 0 || count[Redundant] == 0 {
		t.Errorf("%v", count)
	}
}

// readClosure reads one chain of what `iptables -L -n` prints, as the tool
// writes its bounds.
func readClosure(t testing.TB, path, chain string) *List {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := &List{Otherwise: allowed}
	in := false
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		words := strings.Fields(scan.Text())
		switch {
		case len(words) > 1 && words[0] == "Chain":
			in = words[1] == chain
			continue
		case !in || len(words) < 5 || words[0] == "target":
			continue
		}
		rule := iptRule{classes: map[netset.Class]bool{netset.TCP: true, netset.Ports: true, netset.ICMP: true, netset.Other: true}}
		rule.protocol(words[1])
		for c := range rule.product {
			rule.product[c] = rule.product[c].With(netset.Src, rangeOf(words[3])).With(netset.Dst, rangeOf(words[4]))
			for _, extra := range words[5:] {
				key, ports, _ := strings.Cut(extra, ":")
				switch key {
				case "tcp", "udp":
				case "dpt", "dpts":
					rule.product[c] = rule.product[c].With(netset.Dport, portsOf(ports)...)
				case "spt", "spts":
					rule.product[c] = rule.product[c].With(netset.Sport, portsOf(ports)...)
				default:
					t.Fatalf("%s: %q is not understood", path, extra)
				}
			}
		}
		result, ok := map[string]int32{"ACCEPT": allowed, "DROP": dropped}[words[0]]
		if !ok {
			t.Fatalf("%s: target %q", path, words[0])
		}
		l.Lines = append(l.Lines, Line{Parts: rule.parts(), Result: result})
	}
	return l
}

// TestBoundsOfRealRulesets: whatever the conditions that are not modelled do,
// what a ruleset lets pass is between the bounds.
func TestBoundsOfRealRulesets(t *testing.T) {
	for _, c := range []struct{ name, chain string }{{"tum-2015-05-15", "FORWARD"}} {
		r := readIptables(t, capture(t, c.name+".iptables-save"))
		l, _ := r.list(c.chain)
		suffix := "." + strings.ToLower(c.chain)
		lower, upper := readClosure(t, capture(t, c.name+suffix+".lower"), c.chain), readClosure(t, capture(t, c.name+suffix+".upper"), c.chain)
		random := rand.New(rand.NewPCG(1, 2))
		for _, u := range l.universes() {
			var products []netset.Product
			for _, other := range []*List{l, lower, upper} {
				for _, line := range other.Lines {
					for _, p := range line.Parts {
						if p.Universe == u {
							products = append(products, p.Product)
						}
					}
				}
			}
			d := netset.NewDiagrams(netset.NewSpace(u, products...), 0)
			lo, hi := lower.diagram(d, nil), upper.diagram(d, nil)
			for _, free := range []func() bool{func() bool { return false }, func() bool { return true }, func() bool { return random.IntN(2) == 0 }} {
				n := l.diagram(d, free)
				if x, outside := d.Witness(d.Subtract(lo, n), isEvery); outside {
					t.Errorf("%s %v: %v is let pass by the lower bound and not by the ruleset", c.name, u, x)
				}
				if x, outside := d.Witness(d.Subtract(n, hi), isEvery); outside {
					t.Errorf("%s %v: %v is let pass by the ruleset and not by the upper bound", c.name, u, x)
				}
			}
			t.Logf("%s %v: %d nodes", c.name, u, d.Len())
		}
	}
}

func isEvery(v int32) bool { return v == netset.Every }

// diagram is the set of packets that a list lets pass; free lines match as told.
func (l *List) diagram(d *netset.Diagrams, free func() bool) netset.Node {
	var rules []netset.Rule
	place := make([]int, len(l.Lines)+1) // of each line's first rule
	type jump struct{ rule, line int }
	var jumps []jump
	for k, line := range l.Lines {
		place[k] = len(rules)
		if line.Free && !free() {
			continue
		}
		for _, p := range line.Parts {
			if p.Universe != d.Universe {
				continue
			}
			result := int32(netset.None)
			if line.Result == allowed {
				result = netset.Every
			}
			if line.Resume > 0 {
				jumps = append(jumps, jump{len(rules), line.Resume})
			}
			rules = append(rules, netset.Rule{Box: d.Box(p.Product), Result: result})
		}
	}
	place[len(l.Lines)] = len(rules)
	for _, j := range jumps {
		rules[j.rule].Resume = place[j.line]
	}
	return d.FirstMatch(rules, map[bool]int32{true: netset.Every, false: netset.None}[l.Otherwise == allowed])
}

// TestServiceMatrixOfRealRuleset holds who may talk to whom on TCP port 22 of
// the upper bound against the matrix of the verified tool, class by class.
func TestServiceMatrixOfRealRuleset(t *testing.T) {
	l := readClosure(t, capture(t, "tum-2015-05-15.forward.upper"), "FORWARD")
	start := time.Now()
	got := serviceMatrix(l, 10000, 22)
	t.Logf("%d classes in %v", len(got.classes), time.Since(start))
	want := readMatrix(t, capture(t, "tum-2015-05-15.tcp22.matrix"))
	if len(got.classes) != len(want.classes) {
		t.Fatalf("%d classes, want %d", len(got.classes), len(want.classes))
	}
	name := map[int]string{} // of our classes, as the tool calls them
	for k, class := range got.classes {
		for letter, other := range want.classes {
			if slices.Equal(class, other) {
				name[k] = letter
			}
		}
		if name[k] == "" {
			t.Errorf("class %v is none of the tool's", class)
		}
	}
	for from := range got.classes {
		for to := range got.classes {
			if got.edges[[2]int{from, to}] != want.edges[[2]string{name[from], name[to]}] {
				t.Errorf("%s to %s: %v, want %v", name[from], name[to], got.edges[[2]int{from, to}], !got.edges[[2]int{from, to}])
			}
		}
	}
}

type matrix[N comparable, C any] struct {
	classes C
	edges   map[[2]N]bool
}

// serviceMatrix puts addresses into classes: those of one class reach, and are
// reached by, the same on one TCP service.
func serviceMatrix(l *List, sport, dport int) matrix[int, [][]netset.Range] {
	u := netset.Universe{Is4: true, Class: netset.TCP}
	service := netset.Product{}.With(netset.Sport, netset.One(netset.Num(sport))).With(netset.Dport, netset.One(netset.Num(dport)))
	products := []netset.Product{service}
	for _, line := range l.Lines {
		for _, p := range line.Parts {
			if p.Universe == u { // both ends are cut alike
				turned := p.Product
				turned[netset.Src], turned[netset.Dst] = p.Product[netset.Dst], p.Product[netset.Src]
				products = append(products, p.Product, turned)
			}
		}
	}
	s := netset.NewSpace(u, products...)
	d := netset.NewDiagrams(s, 0)
	n := d.Intersect(l.diagram(d, nil), d.FromBox(s.Box(service)))
	cells := s.Cells(netset.Src)
	may := func(from, to int) bool {
		x := s.First(s.Box(service))
		x[netset.Src], x[netset.Dst] = s.Cell(netset.Src, uint32(from)).Lo, s.Cell(netset.Dst, uint32(to)).Lo
		v, _ := d.At(n, x)
		return v == netset.Every
	}
	bySignature := map[string]int{}
	var out matrix[int, [][]netset.Range]
	var first []int // a cell of each class
	for c := range cells {
		var key strings.Builder
		for other := range cells {
			fmt.Fprint(&key, may(c, other), may(other, c))
		}
		k, known := bySignature[key.String()]
		if !known {
			k = len(out.classes)
			bySignature[key.String()] = k
			out.classes, first = append(out.classes, nil), append(first, c)
		}
		cell := s.Cell(netset.Src, uint32(c))
		if last := len(out.classes[k]) - 1; last >= 0 && out.classes[k][last].Hi.Addr(true).Next() == cell.Lo.Addr(true) {
			out.classes[k][last].Hi = cell.Hi
		} else {
			out.classes[k] = append(out.classes[k], cell)
		}
	}
	out.edges = map[[2]int]bool{}
	for i, a := range first {
		for j, b := range first {
			out.edges[[2]int{i, j}] = may(a, b)
		}
	}
	return out
}

// readMatrix reads the tool's output: classes of addresses, then edges.
func readMatrix(t *testing.T, path string) matrix[string, map[string][]netset.Range] {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := matrix[string, map[string][]netset.Range]{map[string][]netset.Range{}, map[[2]string]bool{}}
	for _, line := range strings.Split(string(text), "\n") {
		if name, sets, isClass := strings.Cut(line, " |-> "); isClass {
			for _, set := range strings.Split(sets, " u ") {
				lo, hi, isRange := strings.Cut(strings.Trim(set, "{}"), " .. ")
				if !isRange {
					hi = lo
				}
				out.classes[name] = append(out.classes[name], netset.Range{Lo: netset.Address(netip.MustParseAddr(lo)), Hi: netset.Address(netip.MustParseAddr(hi))})
			}
		} else if from, to, isEdge := strings.Cut(strings.Trim(line, "()"), ","); isEdge {
			out.edges[[2]string{from, to}] = true
		}
	}
	return out
}
