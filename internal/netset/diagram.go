package netset

import (
	"encoding/binary"
	"fmt"
)

// Node is a node of a diagram: a leaf with a number, or a question about one
// field. In one Diagrams equal functions are the same Node.
type Node int32

// Diagrams makes and keeps decision diagrams over one space. A diagram is a
// function from packets to small numbers; a set is one to None and Every.
type Diagrams struct {
	*Space
	nodes  []node
	unique map[string]Node
	budget int // nodes that may still be made; negative: no bound
}

// None and Every are the leaves of sets.
const (
	None  = 0
	Every = 1
)

type node struct {
	field Field // NumFields: a leaf
	value int32 // of a leaf
	edges []edge
}

// edge leads from all cells after the edge before, up to and including last.
type edge struct {
	last uint32
	to   Node
}

type pair struct{ a, b Node }

// errBudget is panicked with inside this package and returned by Try.
var errBudget = fmt.Errorf("the diagram has become too large")

// NewDiagrams begins an empty collection of at most budget nodes; 0 means no
// bound.
func NewDiagrams(s *Space, budget int) *Diagrams {
	if budget == 0 {
		budget = -1
	}
	return &Diagrams{Space: s, unique: map[string]Node{}, budget: budget}
}

// Try runs f and returns an error if it needs more nodes than the budget has.
func (d *Diagrams) Try(f func()) (err error) {
	defer func() {
		if p := recover(); p == errBudget {
			err = errBudget
		} else if p != nil {
			panic(p)
		}
	}()
	f()
	return nil
}

// Len is how many nodes have been made.
func (d *Diagrams) Len() int { return len(d.nodes) }

// Leaf is the function that is the same number for every packet.
func (d *Diagrams) Leaf(value int32) Node { return d.intern(node{field: NumFields, value: value}) }

// Value returns a leaf's number; false if the node is a question.
func (d *Diagrams) Value(n Node) (int32, bool) {
	return d.nodes[n].value, d.nodes[n].field == NumFields
}

// ask makes a question. Edges to the same node are one; a question with one
// answer is that answer.
func (d *Diagrams) ask(f Field, edges []edge) Node {
	out := edges[:0]
	for _, e := range edges {
		if k := len(out) - 1; k >= 0 && out[k].to == e.to {
			out[k].last = e.last
		} else {
			out = append(out, e)
		}
	}
	if len(out) == 1 {
		return out[0].to
	}
	return d.intern(node{field: f, edges: out})
}

func (d *Diagrams) intern(n node) Node {
	key := make([]byte, 0, 8+8*len(n.edges))
	key = append(key, byte(n.field))
	key = binary.LittleEndian.AppendUint32(key, uint32(n.value))
	for _, e := range n.edges {
		key = binary.LittleEndian.AppendUint32(key, e.last)
		key = binary.LittleEndian.AppendUint32(key, uint32(e.to))
	}
	if known, ok := d.unique[string(key)]; ok {
		return known
	}
	if d.budget == 0 {
		panic(errBudget)
	}
	d.budget--
	id := Node(len(d.nodes))
	n.edges = append([]edge(nil), n.edges...)
	d.nodes = append(d.nodes, n)
	d.unique[string(key)] = id
	return id
}

// FromBox is the set of the packets of a box.
func (d *Diagrams) FromBox(b Box) Node {
	if b.Empty() {
		return d.Leaf(None)
	}
	n, none := d.Leaf(Every), d.Leaf(None)
	for f := int(NumFields) - 1; f >= 0; f-- {
		n = d.choose(Field(f), b[f], n, none)
	}
	return n
}

// choose asks whether the field is in a set of cells.
func (d *Diagrams) choose(f Field, s Spans, yes, no Node) Node {
	last := uint32(d.Cells(f) - 1)
	var edges []edge
	next := uint32(0)
	for _, span := range s {
		if span.Lo > next {
			edges = append(edges, edge{span.Lo - 1, no})
		}
		edges = append(edges, edge{span.Hi, yes})
		next = span.Hi + 1
	}
	if next <= last {
		edges = append(edges, edge{last, no})
	}
	return d.ask(f, edges)
}

// combine works out op packet by packet; memo holds what this run has found.
func (d *Diagrams) combine(a, b Node, memo map[pair]Node, op func(x, y int32) int32) Node {
	if known, ok := memo[pair{a, b}]; ok {
		return known
	}
	x, y := &d.nodes[a], &d.nodes[b]
	var out Node
	if x.field == NumFields && y.field == NumFields {
		out = d.Leaf(op(x.value, y.value))
	} else {
		f := min(x.field, y.field)
		xs, ys := d.edgesOf(a, f), d.edgesOf(b, f)
		var edges []edge
		for i, j := 0, 0; i < len(xs) && j < len(ys); {
			to := d.combine(xs[i].to, ys[j].to, memo, op)
			last := min(xs[i].last, ys[j].last)
			edges = append(edges, edge{last, to})
			if xs[i].last == last {
				i++
			}
			if ys[j].last == last {
				j++
			}
		}
		out = d.ask(f, edges)
	}
	memo[pair{a, b}] = out
	return out
}

// edgesOf returns a node's edges for a field; one for all if it does not ask.
func (d *Diagrams) edgesOf(n Node, f Field) []edge {
	if d.nodes[n].field == f {
		return d.nodes[n].edges
	}
	return []edge{{uint32(d.Cells(f) - 1), n}}
}

// Combine works out, packet by packet, a number from those of two functions.
func (d *Diagrams) Combine(a, b Node, op func(x, y int32) int32) Node {
	return d.combine(a, b, map[pair]Node{}, op)
}

// Union, Intersect and Subtract are of sets.
func (d *Diagrams) Union(a, b Node) Node {
	return d.Combine(a, b, func(x, y int32) int32 { return x | y })
}

// Intersect is the set of packets in both.
func (d *Diagrams) Intersect(a, b Node) Node {
	return d.Combine(a, b, func(x, y int32) int32 { return x & y })
}

// Subtract is the set of packets in a and not in b.
func (d *Diagrams) Subtract(a, b Node) Node {
	return d.Combine(a, b, func(x, y int32) int32 { return x &^ y })
}

// Map changes the numbers of a function.
func (d *Diagrams) Map(n Node, f func(int32) int32) Node {
	return d.Combine(n, n, func(x, _ int32) int32 { return f(x) })
}

// At is the function's number for one packet; false if the packet is not of
// this universe.
func (d *Diagrams) At(n Node, p Point) (int32, bool) {
	for d.nodes[n].field != NumFields {
		f := d.nodes[n].field
		k, ok := d.cellOf(f, p[f])
		if !ok {
			return 0, false
		}
		for _, e := range d.nodes[n].edges {
			if k <= e.last {
				n = e.to
				break
			}
		}
	}
	return d.nodes[n].value, true
}
