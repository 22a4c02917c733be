package netset

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// Rule is one line of a policy in which the first match decides.
type Rule struct {
	Box    Box
	Result int32
	// Resume, if not 0, makes the rule decide nothing: what it holds goes on at
	// the rule of that place, as after the return from a chain. It must be a
	// later one; the number of rules is the end.
	Resume int
}

// FirstMatch is the function that gives for every packet the result of the first
// rule that holds it, else the one given. It is built from the top: at each
// field the rules that are still possible are what decides, so equal lists of
// rules are built once.
func (d *Diagrams) FirstMatch(rules []Rule, otherwise int32) Node {
	b := &builder{Diagrams: d, rules: rules, otherwise: otherwise, memo: map[string]Node{}}
	for k := range rules {
		if !rules[k].Box.Empty() {
			b.all = append(b.all, int32(k))
		}
	}
	b.whole = make([][NumFields]bool, len(rules))
	for k, r := range rules {
		for f := range NumFields {
			b.whole[k][f] = r.Box[f].covers(d.all(f))
		}
	}
	return b.build(0, b.all)
}

type builder struct {
	*Diagrams
	rules     []Rule
	otherwise int32
	all       []int32
	whole     [][NumFields]bool // the rule does not narrow the field
	memo      map[string]Node
}

// build decides between the rules of a list, all of which hold the packet as
// far as the fields before f.
func (b *builder) build(f Field, list []int32) Node {
	list = b.shorten(f, list)
	if len(list) == 0 {
		return b.Leaf(b.otherwise)
	}
	if b.covers(list[0], f) {
		return b.Leaf(b.rules[list[0]].Result)
	}
	for b.allWhole(f, list) { // nobody asks this field
		f++
	}
	key := make([]byte, 0, 1+4*len(list))
	key = append(key, byte(f))
	for _, k := range list {
		key = binary.LittleEndian.AppendUint32(key, uint32(k))
	}
	if known, ok := b.memo[string(key)]; ok {
		return known
	}
	n := b.sweep(f, list)
	b.memo[string(key)] = n
	return n
}

// shorten leaves out what cannot decide: rules that one before them hides, and
// rules at the end that say what is said without them.
func (b *builder) shorten(f Field, list []int32) []int32 {
	out := list[:0:0]
	final, ended := b.otherwise, false
	resume, furthest := 0, 0 // where all go on; where any may
	for _, r := range list {
		rule := b.rules[r]
		if ended || int(r) < resume { // hidden, or jumped over
			continue
		}
		whole := b.covers(r, f)
		if whole && rule.Resume > 0 && furthest <= int(r) {
			resume = rule.Resume
			continue
		}
		out = append(out, r)
		furthest = max(furthest, rule.Resume)
		if whole && rule.Resume == 0 && furthest <= int(r) {
			final, ended = rule.Result, true
		}
	}
	if !ended {
		return b.trim(out, final, len(b.rules))
	}
	last := out[len(out)-1]
	return append(b.trim(out[:len(out)-1], final, int(last)), last)
}

// trim drops rules at the end of a list that change nothing: what they hold
// comes to the same result, at the place given, without them.
func (b *builder) trim(list []int32, final int32, place int) []int32 {
	n := len(list)
	for ; n > 0; n-- {
		r := b.rules[list[n-1]]
		if r.Resume > place || r.Resume == 0 && r.Result != final {
			break
		}
	}
	return list[:n]
}

// covers reports whether a rule narrows no field from f on.
func (b *builder) covers(r int32, f Field) bool {
	for ; f < NumFields; f++ {
		if !b.whole[r][f] {
			return false
		}
	}
	return true
}

func (b *builder) allWhole(f Field, list []int32) bool {
	for _, r := range list {
		if !b.whole[r][f] {
			return false
		}
	}
	return true
}

// sweep goes through the cells of a field. Between two ends of rules' spans the
// list of those that hold is the same.
func (b *builder) sweep(f Field, list []int32) Node {
	type event struct {
		cell  uint32
		place int32 // in list
		in    bool
	}
	last := uint32(b.Cells(f) - 1)
	var events []event
	for place, r := range list {
		for _, span := range b.rules[r].Box[f] {
			events = append(events, event{span.Lo, int32(place), true})
			if span.Hi < last {
				events = append(events, event{span.Hi + 1, int32(place), false})
			}
		}
	}
	slices.SortFunc(events, func(x, y event) int { return cmp.Compare(x.cell, y.cell) })
	active := newPlaces(len(list))
	var edges []edge
	for k := 0; k < len(events) || len(edges) == 0; {
		cell := uint32(0)
		if k < len(events) && len(edges) > 0 || k < len(events) && events[k].cell == 0 {
			cell = events[k].cell
		}
		for ; k < len(events) && events[k].cell == cell; k++ {
			active.set(int(events[k].place), events[k].in)
		}
		upTo := last
		if k < len(events) {
			upTo = events[k].cell - 1
		}
		edges = append(edges, edge{upTo, b.build(f+1, active.of(list))})
	}
	return b.ask(f, edges)
}

// places is a set of places in a list.
type places []uint64

func newPlaces(n int) places { return make(places, (n+63)/64) }

func (p places) set(k int, in bool) {
	if in {
		p[k/64] |= 1 << (k % 64)
	} else {
		p[k/64] &^= 1 << (k % 64)
	}
}

// of returns the members of the list at the places.
func (p places) of(list []int32) []int32 {
	var out []int32
	for w, word := range p {
		for word != 0 {
			out = append(out, list[w*64+bits.TrailingZeros64(word)])
			word &= word - 1
		}
	}
	return out
}
