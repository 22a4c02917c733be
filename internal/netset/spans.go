package netset

import "slices"

// Span is a closed range of cells.
type Span struct{ Lo, Hi uint32 }

// Spans is a set of cells of one field: sorted, disjoint, not touching. None of
// the methods changes its operands.
type Spans []Span

// normal sorts and merges.
func normal(in []Span) Spans {
	slices.SortFunc(in, func(a, b Span) int {
		if a.Lo != b.Lo {
			return int(a.Lo) - int(b.Lo)
		}
		return int(a.Hi) - int(b.Hi)
	})
	var out Spans
	for _, s := range in {
		if k := len(out) - 1; k >= 0 && s.Lo <= out[k].Hi+1 {
			out[k].Hi = max(out[k].Hi, s.Hi)
		} else {
			out = append(out, s)
		}
	}
	return out
}

func (s Spans) intersect(t Spans) Spans {
	if len(s) == 1 && len(t) == 1 { // most are one span
		lo, hi := max(s[0].Lo, t[0].Lo), min(s[0].Hi, t[0].Hi)
		switch {
		case lo > hi:
			return nil
		case lo == s[0].Lo && hi == s[0].Hi:
			return s
		case lo == t[0].Lo && hi == t[0].Hi:
			return t
		}
		return Spans{{lo, hi}}
	}
	var out Spans
	for i, j := 0, 0; i < len(s) && j < len(t); {
		if lo, hi := max(s[i].Lo, t[j].Lo), min(s[i].Hi, t[j].Hi); lo <= hi {
			out = append(out, Span{lo, hi})
		}
		if s[i].Hi < t[j].Hi {
			i++
		} else {
			j++
		}
	}
	return out
}

func (s Spans) overlaps(t Spans) bool {
	for i, j := 0, 0; i < len(s) && j < len(t); {
		if max(s[i].Lo, t[j].Lo) <= min(s[i].Hi, t[j].Hi) {
			return true
		}
		if s[i].Hi < t[j].Hi {
			i++
		} else {
			j++
		}
	}
	return false
}

// covers reports whether every cell of t is in s.
func (s Spans) covers(t Spans) bool {
	i := 0
	for _, span := range t {
		for i < len(s) && s[i].Hi < span.Lo {
			i++
		}
		if i == len(s) || span.Lo < s[i].Lo || s[i].Hi < span.Hi {
			return false
		}
	}
	return true
}

// subtract returns the cells of s that are not in t.
func (s Spans) subtract(t Spans) Spans {
	var out Spans
	j := 0
	for _, span := range s {
		lo := span.Lo
		for j < len(t) && t[j].Hi < lo {
			j++
		}
		done := false
		for k := j; k < len(t) && t[k].Lo <= span.Hi; k++ {
			if lo < t[k].Lo {
				out = append(out, Span{lo, t[k].Lo - 1})
			}
			if t[k].Hi >= span.Hi {
				done = true
				break
			}
			lo = t[k].Hi + 1
		}
		if !done {
			out = append(out, Span{lo, span.Hi})
		}
	}
	return out
}

func (s Spans) contains(k uint32) bool {
	i, found := slices.BinarySearchFunc(s, k, func(span Span, k uint32) int { return int(int64(span.Hi) - int64(k)) })
	return found || i < len(s) && s[i].Lo <= k
}
