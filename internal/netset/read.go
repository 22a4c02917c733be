package netset

import (
	"cmp"
	"slices"
)

// Count is how many packets a function gives a number that f accepts.
func (d *Diagrams) Count(n Node, f func(int32) bool) float64 {
	memo := map[Node]float64{}
	var below func(n Node) float64 // over the fields from n's own on
	below = func(n Node) float64 {
		if v, leaf := d.Value(n); leaf {
			if f(v) {
				return 1
			}
			return 0
		}
		if known, ok := memo[n]; ok {
			return known
		}
		sum, next := 0.0, uint32(0)
		for _, e := range d.nodes[n].edges {
			if part := below(e.to); part > 0 {
				sum += part * d.width(d.nodes[n].field, next, e.last) * d.between(d.nodes[n].field+1, d.nodes[e.to].field)
			}
			next = e.last + 1
		}
		memo[n] = sum
		return sum
	}
	return below(n) * d.between(0, d.nodes[n].field)
}

// width is how many values the cells from lo to hi hold.
func (d *Diagrams) width(f Field, lo, hi uint32) float64 {
	sum := 0.0
	for k := lo; k <= hi; k++ {
		sum += d.cells[f][k].Size()
	}
	return sum
}

// between is how many combinations the fields from f up to before g have.
func (d *Diagrams) between(f, g Field) float64 {
	n := 1.0
	for ; f < g && f < NumFields; f++ {
		n *= d.width(f, 0, uint32(d.Cells(f)-1))
	}
	return n
}

// Witness returns a packet whose number f accepts; false if there is none.
func (d *Diagrams) Witness(n Node, f func(int32) bool) (Point, bool) {
	dead := map[Node]bool{}
	b := d.Whole()
	var find func(n Node) bool
	find = func(n Node) bool {
		if v, leaf := d.Value(n); leaf {
			return f(v)
		}
		if dead[n] {
			return false
		}
		next := uint32(0)
		for _, e := range d.nodes[n].edges {
			if find(e.to) {
				b[d.nodes[n].field] = Spans{{next, e.last}}
				return true
			}
			next = e.last + 1
		}
		dead[n] = true
		return false
	}
	if !find(n) {
		return Point{}, false
	}
	return d.First(b), true
}

// Boxes writes the packets whose number f accepts as disjoint boxes, those with
// most packets first, and at most so many; false if there are more. Cells of a
// field that lead to the same are one box, and boxes that differ in one field
// alone are merged.
func (d *Diagrams) Boxes(n Node, most int, f func(int32) bool) ([]Box, bool) {
	w := boxWriter{Diagrams: d, most: most, accepts: f, alive: map[Node]bool{}}
	w.walk(n, d.Whole())
	boxes := mergeBoxes(w.out)
	slices.SortStableFunc(boxes, func(a, b Box) int { return cmp.Compare(d.Size(b), d.Size(a)) })
	return boxes, !w.full
}

type boxWriter struct {
	*Diagrams
	most    int
	accepts func(int32) bool
	alive   map[Node]bool
	out     []Box
	full    bool
}

func (w *boxWriter) walk(n Node, b Box) {
	if w.full || !w.reaches(n) {
		return
	}
	if _, leaf := w.Value(n); leaf {
		if len(w.out) == w.most {
			w.full = true
			return
		}
		w.out = append(w.out, b)
		return
	}
	f := w.nodes[n].field
	var order []Node
	spans := map[Node][]Span{}
	next := uint32(0)
	for _, e := range w.nodes[n].edges {
		if spans[e.to] == nil {
			order = append(order, e.to)
		}
		spans[e.to] = append(spans[e.to], Span{next, e.last})
		next = e.last + 1
	}
	for _, to := range order {
		b[f] = normal(spans[to])
		w.walk(to, b)
	}
}

// reaches reports whether a node leads to a number that is wanted.
func (w *boxWriter) reaches(n Node) bool {
	if v, leaf := w.Value(n); leaf {
		return w.accepts(v)
	}
	known, ok := w.alive[n]
	if !ok {
		known = slices.ContainsFunc(w.nodes[n].edges, func(e edge) bool { return w.reaches(e.to) })
		w.alive[n] = known
	}
	return known
}

// maxMerge bounds how many boxes are merged: each is held against each.
const maxMerge = 400

// mergeBoxes joins boxes that differ in one field alone until none do.
func mergeBoxes(boxes []Box) []Box {
	if len(boxes) > maxMerge {
		return boxes
	}
	for merged := true; merged; {
		merged = false
		for i := 0; i < len(boxes) && !merged; i++ {
			for j := i + 1; j < len(boxes) && !merged; j++ {
				if f, ok := onlyDifference(boxes[i], boxes[j]); ok {
					boxes[i][f] = normal(append(slices.Clone(boxes[i][f]), boxes[j][f]...))
					boxes = slices.Delete(boxes, j, j+1)
					merged = true
				}
			}
		}
	}
	return boxes
}

// onlyDifference returns the one field in which two boxes differ.
func onlyDifference(a, b Box) (Field, bool) {
	n, at := 0, Field(0)
	for f := range NumFields {
		if !slices.Equal(a[f], b[f]) {
			n, at = n+1, f
		}
	}
	return at, n == 1
}
