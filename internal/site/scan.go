package site

import (
	"fmt"
	"strings"

	"glacis/internal/diag"

	"go.yaml.in/yaml/v4"
)

// The formatter works on the author's own lines, cut into tokens. The reader
// knows where each scalar begins and what it says; what lies between scalars is
// punctuation, comments and space.

type tokenKind int

const (
	scalar   tokenKind = iota + 1
	more               // a further line of a scalar
	punct              // one of { } [ ] , : - and the document markers
	comment            // from # to the end of the line
	verbatim           // a line of a block scalar, without its indentation
)

type token struct {
	kind   tokenKind
	text   string
	column int // in the source, from 1
	end    int // column behind it in the source
}

// line is one line of the source; a blank one has no tokens.
type line struct {
	tokens []token
	inside bool // it continues an inline list or mapping, or a scalar
	closes bool // it begins with the end of the inline list or mapping it continues
	number int
}

// layoutError says which place cannot be formatted.
type layoutError struct {
	what string
	pos  diag.Pos
}

func (e *layoutError) Error() string { return e.what }

func (e *layoutError) at(file string) diag.Range {
	return pointAt(file, diag.Pos{Line: max(e.pos.Line, 1), Column: max(e.pos.Column, 1)})
}

// scanner walks over the source with the scalars that it must meet, in order.
type scanner struct {
	source  [][]rune
	row     int // from 0
	col     int // from 0
	scalars []*yaml.Node
	depth   int // open inline lists and mappings
	out     []line
	err     error
}

// scan cuts a file into lines of tokens.
func scan(root *yaml.Node, text []byte) ([]line, error) {
	s := &scanner{}
	plain := strings.ReplaceAll(string(text), "\r\n", "\n")
	for _, l := range strings.Split(strings.TrimRight(plain, " \t\n"), "\n") {
		s.source = append(s.source, []rune(l))
	}
	s.collect(root)
	for s.row < len(s.source) && s.err == nil {
		s.line()
	}
	if s.err == nil && len(s.scalars) > 0 {
		s.fail("a value is not where it is said to be")
	}
	return s.out, s.err
}

// collect lists the scalars that are written out, in the order of the source.
func (s *scanner) collect(n *yaml.Node) {
	if n == nil {
		return
	}
	if n.Kind == yaml.ScalarNode && (n.Value != "" || n.Style != 0) {
		s.scalars = append(s.scalars, n)
	}
	for _, c := range n.Content {
		s.collect(c)
	}
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = &layoutError{fmt.Sprintf(format, args...), diag.Pos{Line: s.row + 1, Column: s.col + 1}}
	}
}

func (s *scanner) begin(inside bool) {
	s.out = append(s.out, line{inside: inside, number: s.row + 1})
}

func (s *scanner) add(kind tokenKind, from, to int) {
	l := &s.out[len(s.out)-1]
	text := string(s.source[s.row][from:to])
	if kind == comment || kind == more {
		text = strings.TrimRight(text, " \t")
	}
	l.tokens = append(l.tokens, token{kind, text, from + 1, to + 1})
}

// line reads a line, and those that its scalars go on to.
func (s *scanner) line() {
	s.begin(s.depth > 0)
	for s.err == nil && s.next() {
		s.token()
	}
	s.row, s.col = s.row+1, 0
}

// next skips space; false at the end of the line.
func (s *scanner) next() bool {
	for s.row < len(s.source) && s.col < len(s.source[s.row]) {
		if c := s.source[s.row][s.col]; c != ' ' && c != '\t' {
			return true
		}
		s.col++
	}
	return false
}

func (s *scanner) token() {
	text := s.source[s.row]
	if len(s.scalars) > 0 && s.scalars[0].Line == s.row+1 && s.scalars[0].Column == s.col+1 {
		n := s.scalars[0]
		s.scalars = s.scalars[1:]
		s.scalar(n)
		return
	}
	from := s.col
	switch c := text[s.col]; {
	case c == '#':
		s.col = len(text)
		s.add(comment, from, s.col)
	case s.col == 0 && isMarker(string(text)):
		s.col = 3
		s.add(punct, 0, 3)
	case c == '-' || c == ':' || c == ',':
		s.col++
		s.add(punct, from, s.col)
	case c == '{' || c == '[':
		s.depth++
		s.col++
		s.add(punct, from, s.col)
	case c == '}' || c == ']':
		l := &s.out[len(s.out)-1]
		l.closes = l.closes || len(l.tokens) == 0
		s.depth--
		s.col++
		s.add(punct, from, s.col)
	default:
		s.fail("%q is not expected here", c)
	}
}

// isMarker reports whether a line begins with --- or ... as a word.
func isMarker(text string) bool {
	word, _, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	return word == "---" || word == "..."
}

func (s *scanner) scalar(n *yaml.Node) {
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s.block(n)
	case n.Style&yaml.DoubleQuotedStyle != 0:
		s.quoted('"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		s.quoted('\'')
	default:
		s.words(n)
	}
}

// words reads a scalar without quotes: its words stand in the source as they
// are in the value.
func (s *scanner) words(n *yaml.Node) {
	kind, from := scalar, s.col
	for k, word := range strings.FieldsFunc(n.Value, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }) {
		if k > 0 && !s.next() {
			s.add(kind, from, len(s.source[s.row]))
			s.goOn()
			kind, from = more, s.col
		}
		want := []rune(word)
		if s.err != nil || s.row >= len(s.source) || !hasRunes(s.source[s.row][s.col:], want) {
			s.fail("a text that cannot be followed")
			return
		}
		s.col += len(want)
	}
	s.add(kind, from, s.col)
}

// goOn moves to the next line that is not blank.
func (s *scanner) goOn() {
	for {
		if s.row++; s.row >= len(s.source) {
			s.fail("a text that does not end")
			return
		}
		s.col = 0
		s.begin(true)
		if s.next() {
			return
		}
	}
}

func hasRunes(text, want []rune) bool {
	if len(text) < len(want) {
		return false
	}
	for k, r := range want {
		if text[k] != r {
			return false
		}
	}
	return true
}

// quoted reads to the closing quote; \" and two ' in a row do not close.
func (s *scanner) quoted(quote rune) {
	kind, from := scalar, s.col
	for s.col++; ; s.col++ {
		if s.col >= len(s.source[s.row]) {
			s.add(kind, from, len(s.source[s.row]))
			s.goOn()
			if s.err != nil {
				return
			}
			kind, from = more, s.col
		}
		text := s.source[s.row]
		switch c := text[s.col]; {
		case c == '\\' && quote == '"':
			s.col++
		case c == quote && quote == '\'' && s.col+1 < len(text) && text[s.col+1] == quote:
			s.col++
		case c == quote:
			s.col++
			s.add(kind, from, s.col)
			return
		}
	}
}

// block reads a literal or folded text. Its indentation is that of its first
// line that is not blank.
func (s *scanner) block(n *yaml.Node) {
	from, head := s.col, s.source[s.row]
	for s.col++; s.col < len(head) && head[s.col] != ' ' && head[s.col] != '\t'; s.col++ {
	}
	header := string(head[from:s.col])
	s.add(scalar, from, s.col)
	if strings.Trim(header, "|>-") != "" {
		s.fail("a block text with the header %s", header)
		return
	}
	if s.next() { // a comment
		s.token()
	}
	if strings.Trim(n.Value, "\n") == "" {
		return
	}
	indent := -1
	for s.row+1 < len(s.source) {
		text := s.source[s.row+1]
		lead := len(text) - len([]rune(strings.TrimLeft(string(text), " ")))
		blank := lead == len(text)
		if indent < 0 && !blank {
			indent = lead
		}
		if !blank && lead < indent {
			break
		}
		s.row, s.col = s.row+1, 0
		s.begin(true)
		if !blank || indent >= 0 && lead > indent {
			s.add(verbatim, max(indent, 0), len(text))
		}
		s.col = len(text)
	}
}
