package site

import (
	"bytes"
	"slices"
	"strings"

	"glacis/internal/diag"

	"go.yaml.in/yaml/v4"
)

// Format returns a site file in its canonical form: two spaces for each level,
// one space inside inline lists and mappings, quotes only where they are needed,
// at most one blank line, no trailing space. Comments, the order of everything,
// the choice between inline and indented form, line breaks and columns that the
// author aligned stay. What the file means never changes: a file that is not
// YAML, or that cannot be formatted with certainty, is an error and no text.
func Format(name string, text []byte) ([]byte, diag.List) {
	var diags diag.List
	text = withoutMark(text)
	root := parse(name, text, &diags)
	if diags.HasErrors() {
		return nil, diags
	}
	out, err := format(root, text)
	if err == nil {
		err = sameMeaning(name, root, text, out)
	}
	if err != nil {
		at := diag.Range{File: name, Start: diag.Pos{Line: 1, Column: 1}, End: diag.Pos{Line: 1, Column: 2}}
		if e, ok := err.(*layoutError); ok {
			at = e.at(name)
		}
		diags.Errorf(at, "cannot-format", "the file cannot be formatted without risk: %v", err).Fix = "write this place in a simpler form; the file is left as it is"
		return nil, diags
	}
	return out, diags
}

func format(root *value, text []byte) ([]byte, error) {
	var node *yaml.Node
	if root != nil {
		node = root.Node
	}
	lines, err := scan(node, text)
	if err != nil {
		return nil, err
	}
	return layout(node, lines), nil
}

// sameMeaning holds what was formatted against the original: the same values in
// the same order, the same comments, and nothing left to format.
func sameMeaning(name string, root *value, before, after []byte) error {
	var diags diag.List
	again := parse(name, after, &diags)
	if diags.HasErrors() || (root == nil) != (again == nil) {
		return &layoutError{what: "the result does not read back"}
	}
	if root != nil && !sameNode(root.Node, again.Node) {
		return &layoutError{what: "the result reads back as something else"}
	}
	if !slices.Equal(comments(root, before), comments(again, after)) {
		return &layoutError{what: "a comment would be lost"}
	}
	twice, err := format(again, after)
	if err != nil || !bytes.Equal(twice, after) {
		return &layoutError{what: "the result is not final"}
	}
	return nil
}

func sameNode(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Tag == b.Tag && a.Value == b.Value && slices.EqualFunc(a.Content, b.Content, sameNode)
}

// comments lists a file's comments in order, without the space around them.
func comments(root *value, text []byte) []string {
	var node *yaml.Node
	if root != nil {
		node = root.Node
	}
	lines, err := scan(node, text)
	if err != nil {
		return nil
	}
	var out []string
	for _, l := range lines {
		for _, t := range l.tokens {
			if t.kind == comment {
				out = append(out, strings.TrimSpace(t.text))
			}
		}
	}
	return out
}
