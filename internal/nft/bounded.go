package nft

import (
	"fmt"
	"io"
)

// Bounds of what ReadJSON takes in: far above any firewall's ruleset (10,000
// rules are 20 MB), low enough that no input takes more than half a gigabyte.
const (
	maxJSON  = 64 << 20
	maxItems = 1_000_000 // commas: each may become a value of its own
	maxDepth = 32        // brackets; real listings have eleven
)

// bounded passes JSON on until it is too long, too deep or of too many items.
type bounded struct {
	r              io.Reader
	read           int
	items, depth   int
	quoted, escape bool
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.read += n
	for _, c := range p[:n] {
		b.count(c)
	}
	switch {
	case b.read > maxJSON:
		return 0, fmt.Errorf("more than %d MB", maxJSON>>20)
	case b.items > maxItems:
		return 0, fmt.Errorf("more than %d items", maxItems)
	case b.depth > maxDepth:
		return 0, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	return n, err
}

func (b *bounded) count(c byte) {
	switch {
	case b.depth > maxDepth: // found: it stays so
	case b.escape:
		b.escape = false
	case b.quoted:
		b.escape, b.quoted = c == '\\', c != '"'
	case c == '"':
		b.quoted = true
	case c == ',':
		b.items++
	case c == '[' || c == '{':
		b.depth++
	case c == ']' || c == '}':
		b.depth--
	}
}
