package analysis

import (
	"cmp"
	"slices"

	"glacis/internal/netset"
)

// index finds the boxes that overlap another without looking at all of them: an
// interval tree over the destinations and one over the sources; whichever finds
// fewer is asked.
type index struct {
	boxes []netset.Box
	trees []*tree
}

var indexed = []netset.Field{netset.Dst, netset.Src, netset.Dport}

func newIndex(boxes []netset.Box) *index {
	x := &index{boxes: boxes}
	for _, f := range indexed {
		places := make([]interval, len(boxes))
		for k, b := range boxes {
			places[k] = interval{b[f][0].Lo, b[f][len(b[f])-1].Hi, int32(k)}
		}
		x.trees = append(x.trees, newTree(places))
	}
	return x
}

// overlapping returns the places of the boxes before (or from) a place that
// overlap b, in order.
func (x *index) overlapping(b netset.Box, from, to int) []int {
	best, fewest := -1, to-from
	for k, f := range indexed {
		if n := x.trees[k].count(b[f][0].Lo, b[f][len(b[f])-1].Hi, fewest); n < fewest {
			best, fewest = k, n
		}
	}
	var out []int
	if best < 0 {
		for k := from; k < to; k++ {
			if x.boxes[k].Overlaps(b) {
				out = append(out, k)
			}
		}
		return out
	}
	f := indexed[best]
	x.trees[best].each(b[f][0].Lo, b[f][len(b[f])-1].Hi, func(k int32) {
		if int(k) >= from && int(k) < to && x.boxes[k].Overlaps(b) {
			out = append(out, int(k))
		}
	})
	slices.Sort(out)
	return out
}

// interval is what a box has of one field, holes filled.
type interval struct {
	lo, hi uint32
	place  int32
}

// tree is a centred interval tree: intervals that hold the centre are kept here,
// sorted by either end; the others are to its left and right.
type tree struct {
	centre      uint32
	byLo, byHi  []interval
	left, right *tree
	size        int
}

func newTree(in []interval) *tree {
	if len(in) == 0 {
		return nil
	}
	ends := make([]uint32, 0, 2*len(in))
	for _, i := range in {
		ends = append(ends, i.lo, i.hi)
	}
	slices.Sort(ends)
	t := &tree{centre: ends[len(ends)/2], size: len(in)}
	var left, right []interval
	for _, i := range in {
		switch {
		case i.hi < t.centre:
			left = append(left, i)
		case i.lo > t.centre:
			right = append(right, i)
		default:
			t.byLo = append(t.byLo, i)
		}
	}
	t.byHi = slices.Clone(t.byLo)
	slices.SortFunc(t.byLo, func(a, b interval) int { return cmp.Compare(a.lo, b.lo) })
	slices.SortFunc(t.byHi, func(a, b interval) int { return cmp.Compare(b.hi, a.hi) })
	t.left, t.right = newTree(left), newTree(right)
	return t
}

// count is how many intervals overlap lo to hi, as soon as it is known to be at
// least most.
func (t *tree) count(lo, hi uint32, most int) int {
	if t == nil || most <= 0 {
		return 0
	}
	n := 0
	switch {
	case hi < t.centre:
		n, _ = slices.BinarySearchFunc(t.byLo, hi, func(i interval, hi uint32) int { return cmpAfter(i.lo, hi) })
		return n + t.left.count(lo, hi, most-n)
	case lo > t.centre:
		n, _ = slices.BinarySearchFunc(t.byHi, lo, func(i interval, lo uint32) int { return cmpAfter(lo, i.hi) })
		return n + t.right.count(lo, hi, most-n)
	}
	n = len(t.byLo)
	n += t.left.count(lo, hi, most-n)
	return n + t.right.count(lo, hi, most-n)
}

// cmpAfter orders a before b while a is not greater, so that a search ends at
// the first that is.
func cmpAfter(a, b uint32) int {
	if a <= b {
		return -1
	}
	return 1
}

// each calls f with the places of the intervals that overlap lo to hi.
func (t *tree) each(lo, hi uint32, f func(int32)) {
	if t == nil {
		return
	}
	switch {
	case hi < t.centre:
		for _, i := range t.byLo {
			if i.lo > hi {
				break
			}
			f(i.place)
		}
		t.left.each(lo, hi, f)
	case lo > t.centre:
		for _, i := range t.byHi {
			if i.hi < lo {
				break
			}
			f(i.place)
		}
		t.right.each(lo, hi, f)
	default:
		for _, i := range t.byLo {
			f(i.place)
		}
		t.left.each(lo, hi, f)
		t.right.each(lo, hi, f)
	}
}
