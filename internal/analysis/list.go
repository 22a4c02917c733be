// Package analysis answers questions about every packet a policy knows, not
// about samples: which rules can never decide, which could go, what changes
// between two policies, whether a promise holds. What it says of a packet comes
// with that packet, so that anybody can try it.
package analysis

import (
	"glacis/internal/netset"
)

// Line is one rule of a policy in which the first match decides. It may need
// several products: services of several protocols, sources of both families.
type Line struct {
	Parts  []Part
	Result int32
	// Free says that the rule matches on something that is not modelled, such as
	// a limit or the contents of a list: it may or may not match the packets of
	// its parts. It never counts as matching where that would hide another rule,
	// and always where it could undo one.
	Free bool
	// Resume, if not 0, makes the line decide nothing: what it matches goes on at
	// the line of that place, as after the return from a chain. Jumps nest: one
	// that begins between another and where that leads to leads no further.
	Resume int
}

// Part is what a line matches in one universe.
type Part struct {
	Universe netset.Universe
	Product  netset.Product
}

// List is a policy: lines in order, and what becomes of packets that none of
// them matches.
type List struct {
	Lines     []Line
	Otherwise int32
}

// table is the boxes of a list in one universe, in order.
type table struct {
	space *netset.Space
	boxes []netset.Box
	line  []int // of each box
	of    map[int][]int
}

// table makes the boxes of one universe. Further products take part in cutting
// the fields, so that sets of other origin fit the same space.
func (l *List) table(u netset.Universe, further ...netset.Product) *table {
	t := &table{of: map[int][]int{}}
	products := further
	for _, line := range l.Lines {
		for _, p := range line.Parts {
			if p.Universe == u {
				products = append(products, p.Product)
			}
		}
	}
	t.space = netset.NewSpace(u, products...)
	for k, line := range l.Lines {
		for _, p := range line.Parts {
			if p.Universe != u {
				continue
			}
			if b := t.space.Box(p.Product); !b.Empty() {
				t.of[k] = append(t.of[k], len(t.boxes))
				t.boxes, t.line = append(t.boxes, b), append(t.line, k)
			}
		}
	}
	return t
}

// universes lists those in which any line has a part.
func (l *List) universes() []netset.Universe {
	seen := map[netset.Universe]bool{}
	for _, line := range l.Lines {
		for _, p := range line.Parts {
			seen[p.Universe] = true
		}
	}
	var out []netset.Universe
	for _, u := range netset.Universes() {
		if seen[u] {
			out = append(out, u)
		}
	}
	return out
}
