package netset

import (
	"errors"
	"slices"
)

// ErrUndecided is returned when a question took more steps than it was given.
var ErrUndecided = errors.New("undecided: the question took more steps than it was given")

// Cover asks whether boxes together hold every packet of another. It is the
// question behind unreachable rules, and needs no diagram of the whole policy.
type Cover struct {
	steps int // still allowed
}

// NewCover allows so many steps for all questions that are put to it.
func NewCover(steps int) *Cover { return &Cover{steps} }

// Rest calls f with parts of the box that none of the others holds, until f
// returns false; used are the places of the others that were needed. The parts
// are disjoint and together are all that is left if f never stops.
func (c *Cover) Rest(b Box, others []Box, used map[int]bool, f func(Box) bool) error {
	if b.Empty() {
		return nil
	}
	places := make([]int, 0, len(others))
	for k := range others {
		if others[k].Overlaps(b) {
			places = append(places, k)
		}
	}
	_, err := c.rest(b, others, places, used, f)
	return err
}

// Uncovered returns a part of the box that none of the others holds; false if
// they hold all of it.
func (c *Cover) Uncovered(b Box, others []Box, used map[int]bool) (Box, bool, error) {
	var left Box
	found := false
	err := c.Rest(b, others, used, func(part Box) bool {
		left, found = part, true
		return false
	})
	return left, found, err
}

// rest takes away the box that leaves the fewest pieces, and goes on with each
// piece. It is false once f wants no more.
func (c *Cover) rest(b Box, others []Box, places []int, used map[int]bool, f func(Box) bool) (bool, error) {
	if c.steps--; c.steps < 0 {
		return false, ErrUndecided
	}
	if len(places) == 0 {
		return f(b), nil
	}
	best, fewest := -1, int(NumFields)+1
	for _, k := range places {
		if n := cuts(others[k], b); n < fewest {
			best, fewest = k, n
			if n == 0 {
				break
			}
		}
	}
	if used != nil {
		used[best] = true
	}
	goOn, err := true, error(nil)
	b.EachOutside(others[best], func(piece Box) bool {
		goOn, err = c.rest(piece, others, overlapping(piece, others, places, best), used, f)
		return goOn && err == nil
	})
	return goOn, err
}

// cuts is in how many fields a does not hold all of b.
func cuts(a, b Box) int {
	n := 0
	for f := range NumFields {
		if !a[f].covers(b[f]) {
			n++
		}
	}
	return n
}

func overlapping(b Box, others []Box, places []int, but int) []int {
	out := make([]int, 0, len(places))
	for _, k := range places {
		if k != but && others[k].Overlaps(b) {
			out = append(out, k)
		}
	}
	return slices.Clip(out)
}
