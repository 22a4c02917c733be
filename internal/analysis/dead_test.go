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
	for k := 0; k < len(l.Lines); k++ {
		line := l.Lines[k]
		switch {
		case k == without || !line.holds(x.universe, x.point) || line.Free && !free(k):
		case line.Resume > 0:
			k = line.Resume - 1
		default:
			return line.Result, k
		}
	}
	return l.Otherwise, -1
}

func drawList(t *rapid.T) *List {
	l := &List{}
	n := rapid.IntRange(1, 7).Draw(t, "lines")
	for k := range n {
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
		most := n // jumps nest
		for _, before := range l.Lines {
			if before.Resume > k {
				most = min(most, before.Resume)
			}
		}
		if rapid.IntRange(0, 4).Draw(t, "resumes") == 0 {
			line.Resume = rapid.IntRange(k+1, most).Draw(t, "at")
		}
		l.Lines = append(l.Lines, line)
	}
	return l
}

// reaches reports whether a packet may come to a line, whatever free lines do.
func (l *List) reaches(x packet, to int) bool {
	may := make([]bool, len(l.Lines)+1)
	may[0] = true
	for k := range to {
		if !may[k] {
			continue
		}
		line := l.Lines[k]
		match := line.holds(x.universe, x.point)
		if match && line.Resume > 0 {
			may[line.Resume] = true
		}
		if !match || line.Free {
			may[k+1] = true
		}
	}
	return may[to] && l.Lines[to].holds(x.universe, x.point)
}

// masks calls f with every way in which the free lines may match.
func (l *List) masks(f func(free func(int) bool)) {
	var free []int
	for k, line := range l.Lines {
		if line.Free {
			free = append(free, k)
		}
	}
	for mask := range 1 << len(free) {
		f(func(k int) bool { return mask>>slices.Index(free, k)&1 == 1 })
	}
}

// effect is what a line does to one packet: whether it ever decides it, and
// whether the packet would then fare otherwise without it.
func (l *List) effect(x packet, k int) (decides, matters bool) {
	l.masks(func(free func(int) bool) {
		result, by := l.fate(x, -1, free)
		if by == k {
			decides = true
			without, _ := l.fate(x, k, free)
			matters = matters || without != result
		}
	})
	return decides, matters
}

// oracle judges a line by trying every packet and every way free lines may match.
func (l *List) oracle(k int, packets []packet) Status {
	status := Unreachable
	for _, x := range packets {
		if l.Lines[k].Resume > 0 {
			if l.reaches(x, k) {
				return Effective // as far as is asked
			}
			continue
		}
		switch decides, matters := l.effect(x, k); {
		case matters:
			return Effective
		case decides:
			status = Redundant
		}
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
		if l.Lines[k].Resume > 0 {
			if !l.reaches(x, k) {
				t.Fatalf("the witness of line %d does not reach it: %+v", k, l.Lines)
			}
			return
		}
		if decides, matters := l.effect(x, k); !decides || !matters {
			t.Fatalf("the witness of line %d: decided by it %v, would fare otherwise %v: %+v", k, decides, matters, l.Lines)
		}
	case Unreachable:
		for _, x := range packets {
			if !l.Lines[k].holds(x.universe, x.point) || slices.ContainsFunc(l.Lines[:k], func(l Line) bool { return l.Resume > 0 }) {
				continue // jumps: the lines that keep a packet are not those that hold it
			}
			if !slices.ContainsFunc(v.By, func(by int) bool {
				return by < k && !l.Lines[by].Free && (l.Lines[by].Resume == 0 || l.Lines[by].Resume > k) && l.Lines[by].holds(x.universe, x.point)
			}) {
				t.Fatalf("line %d is said to be unreachable by %v, which do not hold a packet of it: %+v", k, v.By, l.Lines)
			}
		}
	}
}
