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

// nearest returns the known word that a typing error turns into word.
func nearest(word string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		if n := distance(strings.ToLower(word), strings.ToLower(k)); n < bestDistance && n < max(len(k)/2, 2) {
			best, bestDistance = k, n
		}
	}
	return best
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
