package netset

import (
	"slices"
)

// Space is a universe whose fields are cut into cells.
type Space struct {
	Universe
	cells [NumFields][]Range
}

// NewSpace cuts a universe at every boundary that one of the products has.
func NewSpace(u Universe, products ...Product) *Space {
	s := &Space{Universe: u}
	for f := range NumFields {
		var ranges []Range
		for _, p := range products {
			ranges = append(ranges, p[f]...)
		}
		s.cells[f] = cut(u.domain(f), ranges)
	}
	return s
}

// cut splits the domain where a range begins and after one ends.
func cut(domain, ranges []Range) []Range {
	var starts []Value // where a cell begins
	for _, r := range ranges {
		if r.Hi.less(r.Lo) {
			continue
		}
		starts = append(starts, r.Lo)
		if after := r.Hi.next(); after != (Value{}) {
			starts = append(starts, after)
		}
	}
	slices.SortFunc(starts, Value.Compare)
	starts = slices.Compact(starts)
	var out []Range
	k := 0
	for _, d := range domain {
		lo := d.Lo
		for ; k < len(starts) && !d.Hi.less(starts[k]); k++ {
			if lo.less(starts[k]) {
				out = append(out, Range{lo, starts[k].prev()})
				lo = starts[k]
			}
		}
		out = append(out, Range{lo, d.Hi})
	}
	return out
}

// Cells is how many cells a field has.
func (s *Space) Cells(f Field) int { return len(s.cells[f]) }

// Cell returns the values of a cell.
func (s *Space) Cell(f Field, k uint32) Range { return s.cells[f][k] }

// cellOf returns the cell that holds a value; false if it is outside the domain.
func (s *Space) cellOf(f Field, v Value) (uint32, bool) {
	k, found := slices.BinarySearchFunc(s.cells[f], v, func(r Range, v Value) int { return r.Lo.Compare(v) })
	if !found {
		k--
	}
	if k < 0 || !s.cells[f][k].Contains(v) {
		return 0, false
	}
	return uint32(k), true
}

// spans turns ranges into cells. The ranges must have been given to NewSpace:
// cells that a range holds in part would be taken whole.
func (s *Space) spans(f Field, ranges []Range) Spans {
	if ranges == nil {
		return s.all(f)
	}
	cells := s.cells[f]
	var out []Span
	for _, r := range ranges {
		if r.Hi.less(r.Lo) {
			continue
		}
		// The first cell that ends at or after the range begins, and the last
		// that begins at or before it ends.
		lo, _ := slices.BinarySearchFunc(cells, r.Lo, func(c Range, v Value) int { return c.Hi.Compare(v) })
		hi, found := slices.BinarySearchFunc(cells, r.Hi, func(c Range, v Value) int { return c.Lo.Compare(v) })
		if !found {
			hi--
		}
		if lo <= hi {
			out = append(out, Span{uint32(lo), uint32(hi)})
		}
	}
	return normal(out)
}

func (s *Space) all(f Field) Spans { return Spans{{0, uint32(len(s.cells[f]) - 1)}} }

// Box is a set of packets: every combination of one cell a field.
type Box [NumFields]Spans

// Box turns a product into a box of this space; it is empty if the product has
// nothing in this universe.
func (s *Space) Box(p Product) Box {
	var b Box
	for f := range NumFields {
		b[f] = s.spans(f, p[f])
	}
	return b
}

// Whole is the box of every packet of the universe.
func (s *Space) Whole() Box { return s.Box(Product{}) }

// Empty reports whether the box holds no packet.
func (b Box) Empty() bool {
	return slices.ContainsFunc(b[:], func(s Spans) bool { return len(s) == 0 })
}

// Intersect returns the packets in both boxes; false if there are none.
func (b Box) Intersect(c Box) (Box, bool) {
	for f := range b {
		if b[f] = b[f].intersect(c[f]); len(b[f]) == 0 {
			return b, false
		}
	}
	return b, true
}

// Overlaps reports whether a packet is in both boxes.
func (b Box) Overlaps(c Box) bool {
	for f := range b {
		if !b[f].overlaps(c[f]) {
			return false
		}
	}
	return true
}

// Covers reports whether every packet of c is in b.
func (b Box) Covers(c Box) bool {
	for f := range b {
		if !b[f].covers(c[f]) {
			return false
		}
	}
	return true
}

// EachOutside calls f with disjoint boxes that together are what of b is not in
// c, until f returns false; it returns what f returned last, or true.
func (b Box) EachOutside(c Box, f func(Box) bool) bool {
	for field := range NumFields {
		if outside := b[field].subtract(c[field]); len(outside) > 0 {
			piece := b
			piece[field] = outside
			if !f(piece) {
				return false
			}
		}
		if b[field] = b[field].intersect(c[field]); len(b[field]) == 0 {
			break
		}
	}
	return true
}

// Size is how many packets a box holds, or how many that differ in the fields
// named.
func (s *Space) Size(b Box, fields ...Field) float64 {
	n := 1.0
	for f := range NumFields {
		if len(fields) > 0 && !slices.Contains(fields, f) {
			continue
		}
		sum := 0.0
		for _, span := range b[f] {
			for k := span.Lo; k <= span.Hi; k++ {
				sum += s.cells[f][k].Size()
			}
		}
		n *= sum
	}
	return n
}

// Point is one packet: a value for each field.
type Point [NumFields]Value

// First returns a packet of a box, the one with the least values but for
// addresses that end in zero, which look like no host's; the box must not be
// empty.
func (s *Space) First(b Box) Point {
	var p Point
	for f := range NumFields {
		p[f] = s.cells[f][b[f][0].Lo].Lo
		if f == Src || f == Dst {
			p[f] = s.likeAHost(f, b[f])
		}
	}
	return p
}

// likeAHost picks the first value that does not end in zero, if there is one.
func (s *Space) likeAHost(f Field, spans Spans) Value {
	for _, span := range spans {
		for k := span.Lo; k <= span.Hi; k++ {
			switch c := s.cells[f][k]; {
			case byte(c.Lo.lo) != 0:
				return c.Lo
			case c.Lo != c.Hi:
				return c.Lo.next()
			}
		}
	}
	return s.cells[f][spans[0].Lo].Lo
}

// Ranges returns the values of one field of a box, merged.
func (s *Space) Ranges(f Field, spans Spans) []Range {
	var out []Range
	for _, span := range spans {
		for k := span.Lo; k <= span.Hi; k++ {
			c := s.cells[f][k]
			if n := len(out) - 1; n >= 0 && out[n].Hi.next() == c.Lo && c.Lo != (Value{}) {
				out[n].Hi = c.Hi
			} else {
				out = append(out, c)
			}
		}
	}
	return out
}

// Product writes a box as it would be written: the values of each field that is
// narrowed.
func (s *Space) Product(b Box) Product {
	var p Product
	for f := range NumFields {
		if s.Has(f) && !b[f].covers(s.all(f)) {
			p[f] = s.Ranges(f, b[f])
		}
	}
	return p
}

// Contains reports whether a packet is in a box.
func (s *Space) Contains(b Box, p Point) bool {
	for f := range NumFields {
		k, ok := s.cellOf(f, p[f])
		if !ok || !b[f].contains(k) {
			return false
		}
	}
	return true
}
