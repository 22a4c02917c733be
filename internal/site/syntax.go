package site

import (
	"bytes"
	"errors"
	"strings"

	"glacis/internal/diag"

	"go.yaml.in/yaml/v4"
)

// syntaxHelp turns the words of the YAML reader into those of somebody who
// wants to go on: what its message contains, what is wrong, what to do.
var syntaxHelp = []struct{ contains, summary, fix string }{
	{"tab", "a tab where spaces are wanted", "indent with spaces, never tabs"},
	{"mapping values are not allowed", "a second \": \" on this line, or a line that is indented too far", "put text that contains \": \" in quotes, or align the line with its neighbours"},
	{"did not find expected ',' or '}'", "an inline mapping is not closed", "close it with }, put a comma between its entries, and quote values that contain , [ ] { } or \": \""},
	{"did not find expected ',' or ']'", "an inline list is not closed", "close it with ], put a comma between its values, and quote values that contain , [ ] { } or \": \""},
	{"cannot start any token", "this character cannot begin a value", "put text that begins with @ ` % | > or & in quotes"},
	{"unexpected end of stream", "a quoted text is not closed", "close it with the quote it began with"},
	{"expected node content", "a value is missing here", "give the value; put text that begins with , ] } or % in quotes"},
	{"did not find expected key", "this line does not fit those above it", "align it with its neighbours, or remove a bracket too many"},
	{"did not find expected '-'", "this line does not fit the list above it", "begin it with \"- \", or align it with the key that the list belongs to"},
	{"alphabetic or numeric character", "* and & are YAML's words for aliases", "write any for every zone; put text that begins with * or & in quotes"},
	{"could not find expected ':'", "a key without its colon", "write key: value, with a space behind the colon"},
	{"unknown anchor", "site files do not use YAML's aliases (*name)", "write the value out, and quote text that begins with *"},
	{"block sequence entries are not allowed", "a list item cannot begin here", "put \"- \" on a line of its own, below the key"},
	{"unknown escape", "an unknown escape in a double-quoted text", "write \\\\ for a backslash, or use single quotes"},
}

// syntaxError reports that a file is not YAML.
func syntaxError(file string, text []byte, err error, diags *diag.List) {
	message, at := err.Error(), pointAt(file, diag.Pos{Line: 1, Column: 1})
	var related []diag.Related
	var le *yaml.LoadError
	if errors.As(err, &le) && le.Mark.Line > 0 {
		message, at = le.Message, pointAt(file, within(text, diag.Pos{Line: le.Mark.Line, Column: max(le.Mark.Column, 1)}))
		if le.ContextMark.Line > 0 && le.ContextMark != le.Mark {
			began := pointAt(file, within(text, diag.Pos{Line: le.ContextMark.Line, Column: max(le.ContextMark.Column, 1)}))
			related = []diag.Related{{Message: "begins here", Range: began}}
		}
	}
	if strings.Contains(message, "unexpected end of stream") && related != nil {
		at, related = related[0].Range, nil // the end of the file says nothing
	}
	if tabbed(text, at.Start) {
		message = "tab"
	}
	summary, fix := "this is not YAML: "+message, "check indentation (spaces, never tabs), brackets and quotes near this line"
	for _, h := range syntaxHelp {
		if strings.Contains(message, h.contains) {
			summary, fix = h.summary, h.fix
			break
		}
	}
	d := diags.Errorf(at, "yaml-syntax", "%s", summary)
	d.Fix, d.Related = fix, related
}

func pointAt(file string, p diag.Pos) diag.Range {
	return diag.Range{File: file, Start: p, End: diag.Pos{Line: p.Line, Column: p.Column + 1}}
}

// tabbed reports whether the line is indented with a tab up to the position.
func tabbed(text []byte, at diag.Pos) bool {
	lines := bytes.Split(text, []byte("\n"))
	if at.Line < 1 || at.Line > len(lines) {
		return false
	}
	line := lines[at.Line-1]
	indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
	return at.Column <= len(indent)+1 && bytes.ContainsRune(indent, '\t')
}

// strange finds the first character that a plain text file does not hold: a
// control character, or a line break that not every program takes for one, so
// that people and programs would count lines differently.
func strange(text []byte) (what string, at diag.Pos) {
	pos := diag.Pos{Line: 1, Column: 1}
	for k, r := range string(text) {
		switch {
		case r == '\n':
			pos = diag.Pos{Line: pos.Line + 1}
		case r == '\r' && k+1 < len(text) && text[k+1] == '\n', r == '\t':
		case strings.ContainsRune("\r\u0085\u2028\u2029", r):
			return "an unusual line break", pos
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff:
			return "a control character", pos
		}
		pos.Column++
	}
	return "", diag.Pos{}
}

// within moves a place behind the end of the file to its last character.
func within(text []byte, p diag.Pos) diag.Pos {
	lines := strings.Split(strings.TrimRight(string(text), " \t\r\n"), "\n")
	if p.Line <= len(lines) {
		return p
	}
	return diag.Pos{Line: len(lines), Column: max(len([]rune(lines[len(lines)-1])), 1)}
}
