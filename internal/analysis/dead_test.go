package analysis

import (
	"slices"
	"testing"

	"glacis/internal/netset"

	"pgregory.net/rapid"
)

// The oracle tries every packet of a universe shrunk to a few values a field.
const smallMax = 5

var smallFields = []netset.Field{netset.Dst, netset.Src, netset.Dport}

var smallUniverses = []netset.Universe{{Is4: true, Class: netset.TCP}, {Is4: false, Class: netset.Ports}}

type packet struct {
	universe netset.Universe
	point    netset.Point
}

func everyPacket() []packet {
	var out []packet
	for _, u := range smallUniverses {
		var p netset.Point
		if u.Class == netset.Ports {
			p[netset.Proto] = netset.Num(17)
		}
		var rec func(k int)
		rec = func(k int) {
			if k == len(smallFields) {
				out = append(out, packet{u, p})
				return
			}
			for n := range smallMax + 1 {
				p[smallFields[k]] = netset.Num(n) // the last stands for all the others
				rec(k + 1)
			}
		}
		rec(0)
	}
	return out
}

// fate is what becomes of a packet; free lines match or not as told.
func (l *List) fate(x packet, without int, free func(int) bool) (result int32, by int) {
	for k, line := range l.Lines {
		if k != without && line.holds(x.universe, x.point) && (!line.Free || free(k)) {
			return line.Result, k
		}
	}
	return l.Otherwise, -1
}

func drawList(t *rapid.T) *List {
	l := &List{}
	for range rapid.IntRange(1, 7).Draw(t, "lines") {
		line := Line{Result: int32(rapid.IntRange(0, 1).Draw(t, "result")), Free: rapid.IntRange(0, 9).Draw(t, "free") == 0}
		for range rapid.IntRange(1, 2).Draw(t, "parts") {
			p := Part{Universe: rapid.SampledFrom(smallUniverses).Draw(t, "universe")}
			if p.Universe.Class == netset.Ports {
				p.Product = p.Product.With(netset.Proto, netset.One(netset.Num(17)))
			}
			for _, f := range smallFields {
				if rapid.Bool().Draw(t, "narrow") {
					lo := rapid.IntRange(0, smallMax-1).Draw(t, "lo")
					hi := rapid.IntRange(lo, smallMax-1).Draw(t, "hi")
					p.Product = p.Product.With(f, netset.Range{Lo: netset.Num(lo), Hi: netset.Num(hi)})
				}
			}
			line.Parts = append(line.Parts, p)
		}
		l.Lines = append(l.Lines, line)
	}
	return l
}

// closure tells free lines how to match: never before line k, so that none hides
// it; after it, as the mask says.
func closure(k, mask int) func(int) bool {
	return func(line int) bool {
		switch {
		case line < k:
			return false
		case line == k:
			return true
		}
		return mask>>line&1 == 1
	}
}

// oracle judges a line by trying every packet and every way free lines may match.
func (l *List) oracle(k int, packets []packet) Status {
	status := Unreachable
	for _, x := range packets {
		if _, by := l.fate(x, -1, closure(k, 0)); by != k {
			continue
		}
		status = max(status, Redundant)
		for mask := range 1 << len(l.Lines) {
			if result, _ := l.fate(x, k, closure(k, mask)); result != l.Lines[k].Result {
				return Effective
			}
		}
	}
	if status == Unreachable {
		return Unreachable
	}
	return status
}

func TestJudgeAgainstEveryPacket(t *testing.T) {
	packets := everyPacket()
	seen := map[Status]int{}
	rapid.Check(t, func(t *rapid.T) {
		l := drawList(t)
		for k, v := range l.Judge() {
			want := l.oracle(k, packets)
			seen[want]++
			if (v.Status == Effective) != (want == Effective) || (v.Status == Unreachable) != (want == Unreachable) {
				t.Fatalf("line %d is %v, want %v: %+v", k, v.Status, want, l.Lines)
			}
			l.checkExplanation(t, k, v, packets)
		}
	})
	for _, s := range []Status{Effective, Unreachable, Redundant} {
		if seen[s] < 20 {
			t.Errorf("only %d lines were %v: this test shows little", seen[s], s)
		}
	}
}

// checkExplanation: the witness is decided by the line; the lines that make it
// unreachable do so alone.
func (l *List) checkExplanation(t *rapid.T, k int, v Verdict, packets []packet) {
	switch v.Status {
	case Effective:
		x := packet{v.Universe, v.Witness}
		if _, by := l.fate(x, -1, closure(k, 0)); by != k {
			t.Fatalf("the witness of line %d is decided by %d: %+v", k, by, l.Lines)
		}
		same := true
		for mask := range 1 << len(l.Lines) {
			result, _ := l.fate(x, k, closure(k, mask))
			same = same && result == l.Lines[k].Result
		}
		if same {
			t.Fatalf("the witness of line %d fares the same without it: %+v", k, l.Lines)
		}
	case Unreachable:
		for _, x := range packets {
			if !l.Lines[k].holds(x.universe, x.point) {
				continue
			}
			if !slices.ContainsFunc(v.By, func(by int) bool { return by < k && !l.Lines[by].Free && l.Lines[by].holds(x.universe, x.point) }) {
				t.Fatalf("line %d is said to be unreachable by %v, which do not hold a packet of it: %+v", k, v.By, l.Lines)
			}
		}
	}
}
