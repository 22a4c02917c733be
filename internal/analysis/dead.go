package analysis

import (
	"maps"
	"slices"

	"glacis/internal/netset"
)

// Status says whether a rule decides anything.
type Status int

const (
	// Effective: there is a packet that the rule decides, and without the rule
	// that packet would fare otherwise.
	Effective Status = iota
	// Unreachable: every packet the rule matches is decided by rules before it.
	Unreachable
	// Redundant: the rule decides packets, but without it they would fare the
	// same.
	Redundant
	// Undecided: the question took more steps than it was given.
	Undecided
)

func (s Status) String() string {
	return [...]string{"effective", "unreachable", "redundant", "undecided"}[s]
}

// Verdict is what is known of one line.
type Verdict struct {
	Status Status
	// By names the lines that decide in its place: for an unreachable line those
	// before it that match its packets, for a redundant one those after it.
	By []int
	// Conflict: a line that makes this one unreachable decides otherwise.
	Conflict bool
	// Witness is a packet that shows an effective line's effect: it is decided by
	// this line, and would fare otherwise without it.
	Witness  netset.Point
	Universe netset.Universe
}

// StepsPerLine is how many steps a question about one line may take in one
// universe before it is undecided. A step is one box held against the boxes that
// overlap it.
const StepsPerLine = 200_000

// Judge says of every line whether it decides anything. A line is judged against
// the whole list, as if it alone were removed.
func (l *List) Judge() []Verdict {
	out := make([]Verdict, len(l.Lines))
	for k := range out {
		out[k].Status = Unreachable
	}
	for _, u := range l.universes() {
		j := newJudge(l, l.table(u))
		for k := range l.Lines {
			if out[k].Status != Effective { // an effect elsewhere settles what was undecided here
				j.judge(k, &out[k])
			}
		}
	}
	for k := range out {
		out[k].finish(l, k)
	}
	return out
}

// finish puts the explanation in order.
func (v *Verdict) finish(l *List, k int) {
	slices.Sort(v.By)
	v.By = slices.Compact(v.By)
	v.Conflict = v.Status == Unreachable && slices.ContainsFunc(v.By, func(by int) bool { return l.Lines[by].Result != l.Lines[k].Result })
}

// judge holds the lines of one universe against each other.
type judge struct {
	*List
	*table
	index *index
	jumps bool // there are any
	past  map[int]*past
}

func newJudge(l *List, t *table) *judge {
	jumps := slices.ContainsFunc(l.Lines, func(line Line) bool { return line.Resume > 0 })
	return &judge{l, t, newIndex(t.boxes), jumps, map[int]*past{}}
}

// judge judges one line in this universe; v holds what the others said. A line
// that is reached anywhere is not unreachable, one that matters anywhere is
// effective.
func (j *judge) judge(k int, v *Verdict) {
	if len(j.of[k]) == 0 {
		return
	}
	first, last := j.of[k][0], j.of[k][len(j.of[k])-1]
	for _, at := range j.of[k] {
		used := map[int]bool{}
		var without *without
		err := j.reaching(k, j.boxes[at], first, used, func(part netset.Box) bool {
			if without == nil {
				without = j.without(k, j.boxes[at], last+1)
			}
			if j.Lines[k].Resume > 0 { // it has an effect if it jumps over anything, which is not asked
				without.found, without.witness = true, j.space.First(part)
				return false
			}
			return without.same(part, 0)
		})
		switch {
		case without != nil && without.found:
			*v = Verdict{Status: Effective, Witness: without.witness, Universe: j.space.Universe}
			return
		case err != nil || without != nil && without.steps < 0:
			*v = Verdict{Status: Undecided}
			return
		case v.Status == Undecided:
		case without != nil && v.Status == Unreachable:
			v.Status, v.By = Redundant, without.by
		case without != nil:
			v.By = append(v.By, without.by...)
		case v.Status == Unreachable:
			v.By = slices.AppendSeq(v.By, maps.Keys(used))
		}
	}
}

// decidedBy finds a packet that a line decides, within products if there are any.
func (j *judge) decidedBy(k int, within []netset.Product) (netset.Point, bool) {
	for _, at := range j.of[k] {
		boxes := []netset.Box{j.boxes[at]}
		if len(within) > 0 {
			boxes = boxes[:0]
			for _, w := range within {
				if b, overlap := j.boxes[at].Intersect(j.space.Box(w)); overlap {
					boxes = append(boxes, b)
				}
			}
		}
		for _, b := range boxes {
			if x, found := j.first(k, b, j.of[k][0]); found {
				return x, true
			}
		}
	}
	return netset.Point{}, false
}

// first finds a packet of a box that comes to line k past the boxes before a
// place. Where that is undecided, what may be there is there.
func (j *judge) first(k int, b netset.Box, place int) (netset.Point, bool) {
	var left netset.Box
	found := false
	err := j.reaching(k, b, place, nil, func(part netset.Box) bool {
		left, found = part, true
		return false
	})
	if err != nil {
		return j.space.First(b), true
	}
	if !found {
		return netset.Point{}, false
	}
	return j.space.First(left), true
}

// reaching calls f with the parts of a box whose packets come to line k past the
// boxes before a place, until it returns false. Used are the lines that keep the
// others.
func (j *judge) reaching(k int, b netset.Box, place int, used map[int]bool, f func(netset.Box) bool) error {
	var stops []netset.Box
	var lines []int
	for _, at := range j.index.overlapping(b, 0, place) {
		line := j.table.line[at]
		if l := j.Lines[line]; l.Free || l.Resume > 0 && l.Resume <= k {
			continue // it may, or does, let everything by
		}
		for _, piece := range j.sure(at, k) {
			stops, lines = append(stops, piece), append(lines, line)
		}
	}
	places := map[int]bool{}
	err := netset.NewCover(StepsPerLine).Rest(b, stops, places, f)
	if used != nil {
		for n := range places {
			used[lines[n]] = true
		}
	}
	return err
}

// sure is the part of a box that no jump from before it leads past, to line k or
// before: those packets do not come to line k. Jumps nest, so a jump that is
// itself jumped over leads no further than that one.
func (j *judge) sure(at, k int) []netset.Box {
	s := j.past[at]
	if s == nil {
		s = j.jumpsPast(at)
		j.past[at] = s
	}
	n := 0
	for n < len(s.targets) && s.targets[n] <= k {
		n++
	}
	for len(s.left) <= n {
		var next []netset.Box
		jump := s.jumps[len(s.left)-1]
		for _, b := range s.left[len(s.left)-1] {
			if !b.Overlaps(jump) {
				next = append(next, b)
				continue
			}
			b.EachOutside(jump, func(piece netset.Box) bool {
				next = append(next, piece)
				return true
			})
		}
		s.left = append(s.left, next)
	}
	return s.left[n]
}

// past is what leads past a box: jumps in the order of where they lead to, and
// what each more of them leaves of the box.
type past struct {
	jumps   []netset.Box
	targets []int
	left    [][]netset.Box
}

func (j *judge) jumpsPast(at int) *past {
	s := &past{left: [][]netset.Box{{j.boxes[at]}}}
	line := j.table.line[at]
	if !j.jumps {
		return s
	}
	var from []int
	for _, before := range j.index.overlapping(j.boxes[at], 0, at) {
		if l := j.table.line[before]; l < line && j.Lines[l].Resume > line {
			from = append(from, before)
		}
	}
	slices.SortStableFunc(from, func(a, b int) int {
		return j.Lines[j.table.line[a]].Resume - j.Lines[j.table.line[b]].Resume
	})
	for _, before := range from {
		s.jumps, s.targets = append(s.jumps, j.boxes[before]), append(s.targets, j.Lines[j.table.line[before]].Resume)
	}
	return s
}

// placeOf is where the boxes of a line, or of those after it, begin in a list.
func (j *judge) placeOf(list []int, line, from int) int {
	for from < len(list) && j.table.line[list[from]] < line {
		from++
	}
	return from
}

// without asks what would become of the packets of a line if it were not there.
type without struct {
	*judge
	result  int32
	after   []int // boxes after the line that overlap it
	by      []int // lines that decide in its place
	steps   int
	found   bool
	witness netset.Point
}

func (j *judge) without(k int, b netset.Box, place int) *without {
	return &without{judge: j, result: j.Lines[k].Result, after: j.index.overlapping(b, place, len(j.boxes)), steps: StepsPerLine}
}

// same reports whether a part, which the line decides, would fare the same
// without it; it stops at the first packet that would not. The boxes from a
// place on are still to be asked.
func (w *without) same(part netset.Box, place int) bool {
	if w.steps--; w.steps < 0 {
		return false
	}
	for ; place < len(w.after); place++ {
		at := w.after[place]
		both, overlap := part.Intersect(w.boxes[at])
		if !overlap {
			continue
		}
		line := w.Lines[w.table.line[at]]
		switch {
		case line.Resume > 0:
			if !w.same(both, w.placeOf(w.after, line.Resume, place)) {
				return false
			}
			if line.Free {
				continue
			}
			return part.EachOutside(w.boxes[at], func(piece netset.Box) bool { return w.same(piece, place+1) })
		case line.Result != w.result:
			w.found, w.witness = true, w.space.First(both)
			return false
		case line.Free:
			continue // it may leave the packets to those after it
		}
		w.by = append(w.by, w.table.line[at])
		return part.EachOutside(w.boxes[at], func(piece netset.Box) bool { return w.same(piece, place+1) })
	}
	if w.Otherwise != w.result {
		w.found, w.witness = true, w.space.First(part)
		return false
	}
	return true
}
