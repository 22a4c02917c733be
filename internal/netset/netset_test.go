package netset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The oracle: a universe shrunk to a few values a field, in which every packet
// is tried. Bits of a table stand for packets.

var small = Universe{Is4: true, Class: TCP}

// smallValues are the values that packets of the oracle have: the ends of ranges
// below are among them, so that every cell holds one.
const smallMax = 7

func value(n int) Value {
	if n == smallMax {
		return Num(65535) // far from the others
	}
	return Num(n)
}

var smallFields = []Field{Dst, Src, Dport, Flags}

// packets lists every packet of the oracle.
func packets(f func(Point)) {
	var p Point
	var rec func(k int)
	rec = func(k int) {
		if k == len(smallFields) {
			f(p)
			return
		}
		most := smallMax
		for n := 0; n <= most; n++ {
			v := value(n)
			if smallFields[k] == Flags && n == smallMax {
				v = Num(255)
			}
			p[smallFields[k]] = v
			rec(k + 1)
		}
	}
	rec(0)
}

func drawRanges(t *rapid.T) []Range {
	var out []Range
	for range rapid.IntRange(0, 2).Draw(t, "ranges") {
		lo := rapid.IntRange(0, smallMax-1).Draw(t, "lo")
		hi := rapid.IntRange(lo, smallMax-1).Draw(t, "hi")
		out = append(out, Range{Num(lo), Num(hi)})
	}
	return out
}

func drawProduct(t *rapid.T) Product {
	var p Product
	for _, f := range smallFields {
		if rapid.Bool().Draw(t, "narrow") {
			p[f] = drawRanges(t)
		}
	}
	return p
}

type policyCase struct {
	products []Product
	results  []int32
	resume   []int
}

func drawPolicy(t *rapid.T) policyCase {
	n := rapid.IntRange(0, 9).Draw(t, "rules")
	var c policyCase
	for range n {
		c.products = append(c.products, drawProduct(t))
		c.results = append(c.results, int32(rapid.IntRange(0, 2).Draw(t, "result")))
		resume := 0
		if k := len(c.resume); rapid.IntRange(0, 4).Draw(t, "resumes") == 0 {
			resume = rapid.IntRange(k+1, n).Draw(t, "at")
		}
		c.resume = append(c.resume, resume)
	}
	return c
}

func (c policyCase) rules(s *Space) []Rule {
	var out []Rule
	for k, p := range c.products {
		out = append(out, Rule{s.Box(p), c.results[k], c.resume[k]})
	}
	return out
}

func (c policyCase) at(x Point, otherwise int32) int32 {
	for k := 0; k < len(c.products); k++ {
		switch {
		case !c.products[k].Contains(x):
		case c.resume[k] > 0:
			k = c.resume[k] - 1
		default:
			return c.results[k]
		}
	}
	return otherwise
}

func TestFirstMatchAgainstEveryPacket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawPolicy(t)
		s := NewSpace(small, c.products...)
		d := NewDiagrams(s, 0)
		n := d.FirstMatch(c.rules(s), 0)
		sizes := map[int32]int{}
		packets(func(x Point) {
			got, ok := d.At(n, x)
			if want := c.at(x, 0); !ok || got != want {
				t.Fatalf("%v is %d, want %d by %v %v", x, got, want, c.products, c.results)
			}
			sizes[got]++
		})
		for result := range int32(3) {
			p, found := d.Witness(n, func(v int32) bool { return v == result })
			if found {
				if v, _ := d.At(n, p); v != result {
					t.Fatalf("the witness of %d is %d", result, v)
				}
			} else if sizes[result] > 0 {
				t.Fatalf("no witness of %d, which %d packets are", result, sizes[result])
			}
		}
	})
}

// Equal functions are the same node, however they came about.
func TestDiagramsAreCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawPolicy(t), drawPolicy(t)
		s := NewSpace(small, append(slices.Clone(a.products), b.products...)...)
		d := NewDiagrams(s, 0)
		x, y := d.FirstMatch(a.rules(s), 0), d.FirstMatch(b.rules(s), 0)
		same := true
		packets(func(p Point) { same = same && a.at(p, 0) == b.at(p, 0) })
		if same != (x == y) {
			t.Fatalf("equal %v, the same node %v: %v %v and %v %v", same, x == y, a.products, a.results, b.products, b.results)
		}
		if slices.ContainsFunc(a.resume, func(k int) bool { return k > 0 }) {
			return
		}
		// The same by single operations.
		z := d.Leaf(0)
		for k := len(a.products) - 1; k >= 0; k-- {
			z = d.Combine(d.FromBox(s.Box(a.products[k])), z, func(in, rest int32) int32 {
				if in == Every {
					return a.results[k]
				}
				return rest
			})
		}
		if z != x {
			t.Fatalf("built by hand it is another node: %v %v", a.products, a.results)
		}
	})
}

func TestAlgebra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q, r := drawProduct(t), drawProduct(t), drawProduct(t)
		d := NewDiagrams(NewSpace(small, p, q, r), 0)
		a, b, c := d.FromBox(d.Box(p)), d.FromBox(d.Box(q)), d.FromBox(d.Box(r))
		every, none := d.Leaf(Every), d.Leaf(None)
		for name, pair := range map[string][2]Node{
			"union commutes":          {d.Union(a, b), d.Union(b, a)},
			"intersection commutes":   {d.Intersect(a, b), d.Intersect(b, a)},
			"union associates":        {d.Union(a, d.Union(b, c)), d.Union(d.Union(a, b), c)},
			"distribution":            {d.Intersect(a, d.Union(b, c)), d.Union(d.Intersect(a, b), d.Intersect(a, c))},
			"De Morgan":               {d.Subtract(every, d.Union(a, b)), d.Intersect(d.Subtract(every, a), d.Subtract(every, b))},
			"absorption":              {d.Union(a, d.Intersect(a, b)), a},
			"nothing less a":          {d.Subtract(none, a), none},
			"a less nothing":          {d.Subtract(a, none), a},
			"difference and the rest": {d.Union(d.Subtract(a, b), d.Intersect(a, b)), a},
			"twice the complement":    {d.Subtract(every, d.Subtract(every, a)), a},
		} {
			if pair[0] != pair[1] {
				t.Fatalf("%s does not hold for %v, %v, %v", name, p, q, r)
			}
		}
		is := func(v int32) bool { return v == Every }
		if x, y := d.Count(d.Union(a, b), is)+d.Count(d.Intersect(a, b), is), d.Count(a, is)+d.Count(b, is); x-y > 1e-9*x || y-x > 1e-9*x {
			t.Fatalf("sizes: %g and %g", x, y)
		}
	})
}

func TestBoxesAreTheSetAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawPolicy(t)
		s := NewSpace(small, c.products...)
		d := NewDiagrams(s, 0)
		n := d.FirstMatch(c.rules(s), 0)
		is := func(v int32) bool { return v == 1 }
		boxes, all := d.Boxes(n, 1000, is)
		if !all {
			t.Fatal("more than 1000 boxes")
		}
		sum, again := 0.0, d.Leaf(None)
		for k, b := range boxes {
			if k > 0 && s.Size(b) > s.Size(boxes[k-1]) {
				t.Fatal("not the widest first")
			}
			sum += s.Size(b)
			again = d.Union(again, d.FromBox(b))
		}
		if want := d.Map(n, func(v int32) int32 { return map[bool]int32{true: Every, false: None}[is(v)] }); again != want {
			t.Fatalf("the boxes are another set: %v %v", c.products, c.results)
		}
		if want := d.Count(n, is); sum-want > 1e-9*want || want-sum > 1e-9*want {
			t.Fatalf("boxes of %g packets, the set has %g: they overlap", sum, want)
		}
	})
}

// The two engines agree: what is left of a box by cover is what is left of it in
// the diagram.
func TestCoverAgreesWithDiagrams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawPolicy(t)
		target := drawProduct(t)
		s := NewSpace(small, append(slices.Clone(c.products), target)...)
		d := NewDiagrams(s, 0)
		var others []Box
		left := d.FromBox(s.Box(target))
		for _, p := range c.products {
			others = append(others, s.Box(p))
			left = d.Subtract(left, d.FromBox(s.Box(p)))
		}
		used := map[int]bool{}
		rest, sum := d.Leaf(None), 0.0
		err := NewCover(1_000_000).Rest(s.Box(target), others, used, func(b Box) bool {
			rest = d.Union(rest, d.FromBox(b))
			sum += s.Size(b)
			return true
		})
		if err != nil || rest != left {
			t.Fatalf("cover leaves another set (%v): %v less %v", err, target, c.products)
		}
		is := func(v int32) bool { return v == Every }
		if want := d.Count(left, is); sum-want > 1e-9*want || want-sum > 1e-9*want {
			t.Fatalf("the parts overlap: %g, %g", sum, want)
		}
		only := d.FromBox(s.Box(target)) // what was not used was not needed
		for k := range used {
			only = d.Subtract(only, d.FromBox(others[k]))
		}
		if only != left {
			t.Fatalf("the boxes used leave more: %v less %v", target, c.products)
		}
	})
}

func TestUniversesHoldEveryPacketOnce(t *testing.T) {
	for _, is4 := range []bool{true, false} {
		for proto := range 256 {
			n := 0
			for _, u := range Universes() {
				if u.Is4 == is4 && (ClassOf(is4, uint8(proto)) == u) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("protocol %d is in %d universes", proto, n)
			}
		}
	}
	for _, u := range Universes() {
		if u.Class != Ports && u.Class != Other {
			continue
		}
		for _, r := range u.domain(Proto) {
			for n := r.Lo.Int(); n <= r.Hi.Int(); n++ {
				if ClassOf(u.Is4, uint8(n)) != u {
					t.Errorf("%v says it has protocol %d", u, n)
				}
			}
		}
	}
}

func TestUndecidedIsSaid(t *testing.T) {
	var others []Box
	r := rand.New(rand.NewPCG(1, 1))
	var products []Product
	for range 60 {
		var p Product
		for _, f := range smallFields {
			lo := r.IntN(200)
			p[f] = []Range{{Num(lo), Num(lo + r.IntN(50))}}
		}
		products = append(products, p)
	}
	s := NewSpace(small, products...)
	for _, p := range products {
		others = append(others, s.Box(p))
	}
	if err := NewCover(10).Rest(s.Whole(), others, nil, func(Box) bool { return true }); err != ErrUndecided {
		t.Errorf("%v", err)
	}
	d := NewDiagrams(s, 5)
	if err := d.Try(func() {
		for _, b := range others {
			d.FromBox(b)
		}
	}); err == nil {
		t.Error("a budget of five nodes was enough")
	}
}

func TestAddressesOfBothFamilies(t *testing.T) {
	for _, is4 := range []bool{true, false} {
		u := Universe{Is4: is4, Class: Other}
		whole := u.domain(Src)[0]
		if fmt.Sprint(whole.Lo.Addr(is4)) != map[bool]string{true: "0.0.0.0", false: "::"}[is4] {
			t.Error(whole.Lo.Addr(is4))
		}
		if last := whole.Hi.Addr(is4); last.Next().IsValid() {
			t.Errorf("%v is not the last address", last)
		}
		if Address(whole.Hi.Addr(is4)) != whole.Hi {
			t.Error("an address does not survive")
		}
	}
}
