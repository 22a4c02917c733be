package site

import (
	"fmt"
	"strings"

	"glacis/internal/diag"
)

// maxSuggestions bounds the search for what was meant: it is slow, and nobody
// reads that many.
const maxSuggestions = 100

// unknown reports a word that is none of those known, with the nearest.
func (d *decoder) unknown(at diag.Range, code, message, word string, known []string) {
	e := d.diags.Errorf(at, code, "%s", message)
	e.Fix = "write one that exists, or correct the spelling"
	if d.suggestions++; d.suggestions > maxSuggestions {
		return
	}
	if near := nearest(word, known); near != "" {
		e.Fix = fmt.Sprintf("did you mean %q?", near)
	} else if len(known) > 0 && len(known) <= 20 {
		e.Fix = "one of: " + strings.Join(known, ", ")
	}
}

// nearest returns the known word that a typing error turns into word. Of equals
// it prefers one that begins with the same letter.
func nearest(word string, known []string) string {
	word = strings.ToLower(word)
	best, bestDistance := "", 3
	for _, k := range known {
		n := distance(word, strings.ToLower(k))
		if n >= max(len(k)/2, 2) || n > bestDistance || n == bestDistance && !sameInitial(word, k, best) {
			continue
		}
		best, bestDistance = k, n
	}
	return best
}

// sameInitial reports whether k begins with word's letter and best does not.
func sameInitial(word, k, best string) bool {
	return best != "" && strings.EqualFold(k[:1], word[:1]) && !strings.EqualFold(best[:1], word[:1])
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour (optimal string alignment). Long words are far from all others.
func distance(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	var rows [3][most + 1]int // the row before the last, the last, this one
	for j := range len(b) + 1 {
		rows[1][j] = j
	}
	for i := range len(a) {
		before, last, row := &rows[i%3], &rows[(i+1)%3], &rows[(i+2)%3]
		row[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
