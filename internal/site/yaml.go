package site

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"glacis/internal/diag"

	"go.yaml.in/yaml/v4"
)

// maxDepth bounds how deep lists and mappings may nest; the language needs 7.
const maxDepth = 20

// value is one YAML node with the file it came from.
type value struct {
	*yaml.Node
	file string
}

// parse reads one file as a single YAML document of plain mappings, lists and
// scalars. Anchors, aliases, merge keys and tags are refused: what is written
// must be what is meant, and no input may grow when read. It returns the root,
// or nil if the file is empty or not usable.
func parse(file string, text []byte, diags *diag.List) *value {
	if !utf8.Valid(text) {
		diags.Errorf(diag.Range{File: file}, "not-utf8", "%s is not UTF-8 text", file).Fix = "save the file as UTF-8"
		return nil
	}
	if what, at := strange(text); what != "" {
		diags.Errorf(pointAt(file, at), "yaml-syntax", "%s in the text", what).Fix = "remove it: site files are plain text, with lines as Unix or Windows ends them"
		return nil
	}
	if separators(text) > maxValues {
		diags.Errorf(diag.Range{File: file}, "too-large", "%s holds too many values: about %d are read", file, maxValues).Fix = "split the site"
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	switch err := decode(dec, &doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		syntaxError(file, text, err, diags)
		return nil
	}
	var second yaml.Node
	switch err := decode(dec, &second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		syntaxError(file, text, err, diags)
		return nil
	default:
		diags.Errorf(value{&second, file}.at(), "yaml-documents", "a second YAML document begins here, and a site file holds one").Fix = "remove the --- line above it, or move what follows to a file of its own"
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil
	}
	root := value{doc.Content[0], file}
	if !plain(root, 0, diags) {
		return nil
	}
	if root.isNull() {
		return nil
	}
	return &root
}

// separators counts what must stand between values, so that a small file cannot
// fill memory with them.
func separators(text []byte) int {
	n := 0
	for _, c := range text {
		switch c {
		case ',', ':', '\n', '[', '{', '-', '?':
			n++
		}
	}
	return n
}

// withoutMark leaves out the byte order mark that some editors begin with.
func withoutMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\uFEFF")) }

// decode turns a panic of the YAML library into an error: a fault there must
// not take the program down.
func decode(dec *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the YAML reader failed on this text")
		}
	}()
	return dec.Decode(into)
}

// plain reports whether the tree uses only plain YAML.
func plain(v value, depth int, diags *diag.List) bool {
	refuse := func(what string) bool {
		diags.Errorf(v.at(), "yaml-feature", "site files do not use YAML's %s", what).Fix = "write the value out"
		return false
	}
	switch {
	case len(*diags) > maxDiagnostics:
		return false
	case depth > maxDepth:
		diags.Errorf(v.at(), "yaml-depth", "nested deeper than %d levels", maxDepth).Fix = "the language needs 7: remove what is too much, often a bracket left open"
		return false
	case v.Kind == yaml.AliasNode:
		return refuse("aliases (*name)")
	case v.Anchor != "":
		return refuse("anchors (&name)")
	case v.Tag == "!!merge":
		return refuse("merge keys (<<)")
	case v.Style&yaml.TaggedStyle != 0:
		return refuse("tags (!name)")
	}
	ok := true
	for k, c := range v.Content {
		if v.Kind == yaml.MappingNode && k%2 == 0 && c.Kind != yaml.ScalarNode && c.Kind != yaml.AliasNode {
			diags.Errorf(value{c, v.file}.at(), "yaml-feature", "a key is one word, not %s", value{c, v.file}.kind()).Fix = "write key: value"
			return false
		}
		if !plain(value{c, v.file}, depth+1, diags) {
			ok = false
		}
	}
	return ok
}

// at gives the node's place: all of a scalar on one line, the first character of
// anything longer.
func (v value) at() diag.Range {
	start := diag.Pos{Line: v.Line, Column: v.Column}
	width := 1
	if v.Kind == yaml.ScalarNode && !strings.Contains(v.Value, "\n") {
		width = max(utf8.RuneCountInString(v.Value), 1)
		if v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			width += 2
		}
	}
	return diag.Range{File: v.file, Start: start, End: diag.Pos{Line: v.Line, Column: v.Column + width}}
}

func (v value) isNull() bool { return v.Kind == yaml.ScalarNode && v.Tag == "!!null" }

// written gives a scalar as it stands in the file, cut where it is long, and
// what anything else is.
func (v value) written() string {
	const most = 60
	text := []rune(v.Value)
	switch {
	case v.Kind != yaml.ScalarNode || v.isNull():
		return v.kind()
	case len(text) > most:
		return strconv.Quote(string(text[:most]) + "...")
	case v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return "the quoted text " + strconv.Quote(v.Value)
	}
	return strconv.Quote(v.Value)
}

// kind names what the node is, for people.
func (v value) kind() string {
	switch {
	case v.Kind == yaml.MappingNode:
		return "a mapping"
	case v.Kind == yaml.SequenceNode:
		return "a list"
	case v.isNull():
		return "nothing"
	}
	return "a single value"
}

// items returns the elements of a list, and a scalar or mapping as a list of
// itself: most lists of the language may be written as one value.
func (v value) items() []value {
	if v.Kind != yaml.SequenceNode {
		return []value{v}
	}
	var out []value
	for _, c := range v.Content {
		out = append(out, value{c, v.file})
	}
	return out
}

// words returns the texts of scalars.
func words(items []value) []string {
	var out []string
	for _, v := range items {
		out = append(out, v.Value)
	}
	return out
}

// entry is one key of a mapping with its value.
type entry struct {
	key   value
	value value
}

func (v value) entries() []entry {
	var out []entry
	for k := 0; k+1 < len(v.Content); k += 2 {
		out = append(out, entry{value{v.Content[k], v.file}, value{v.Content[k+1], v.file}})
	}
	return out
}
