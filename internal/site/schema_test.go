package site

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"glacis/internal/diag"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("site.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("site.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance gives a YAML file as the JSON value that an editor checks: of the
// plain scalars, those that both agree on are numbers, truth and nothing.
func instance(t testing.TB, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.DocumentNode:
		return instance(t, n.Content[0])
	case yaml.MappingNode:
		m := map[string]any{}
		for k := 0; k+1 < len(n.Content); k += 2 {
			m[n.Content[k].Value] = instance(t, n.Content[k+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, instance(t, c))
		}
		return list
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
	}
	return n.Value
}

func TestSchemaAcceptsGoodSites(t *testing.T) {
	s := compiledSchema(t)
	for name, text := range goodFiles(t) {
		if IsTestFile(name) {
			continue
		}
		var diags diag.List
		root := parse(name, text, &diags)
		if root == nil {
			t.Fatalf("%s: %v", name, diags)
		}
		if err := s.Validate(instance(t, root.Node)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// shapeCodes are the codes of mistakes in the shape of a file, which the schema
// refuses too.
var shapeCodes = map[string]bool{
	"unknown-key": true, "missing-key": true, "wrong-kind": true, "empty-value": true, "bad-value": true,
	"bad-number": true, "bad-rate": true, "bad-date": true, "bad-name": true, "long-name": true, "reserved-name": true,
	"one-of": true, "unused-key": true,
}

// notYAML are files that give no value to check.
var notYAML = map[string]bool{"yaml-syntax": true, "yaml-documents": true, "yaml-feature": true, "yaml-depth": true, "not-utf8": true, "no-site": true}

// schemaExceptions are the bad sites on which schema and decoder differ, and why.
var schemaExceptions = map[string]string{
	"missing-key/no-firewall": "a site may be several files: none of them must have the key",
	"missing-key/no-name":     "a site may be several files: none of them must have the key",
}

// TestSchemaIsTheDecoder: the schema refuses the files whose shape the decoder
// refuses, and no others.
func TestSchemaIsTheDecoder(t *testing.T) {
	s := compiledSchema(t)
	used := map[string]bool{}
	refused, accepted := 0, 0
	for _, c := range badCases(t) {
		if notYAML[c.code] {
			continue
		}
		name := strings.TrimSuffix(strings.TrimPrefix(c.path, "testdata/bad/"), ".txtar")
		fsys := c.site(t)
		_, diags, _ := Load(fsys, Options{Now: now})
		byDecoder := slices.ContainsFunc(diags, func(d diag.Diagnostic) bool { return shapeCodes[d.Code] })
		var bySchema error
		for file, text := range yamlFiles(t, fsys, "") {
			var ignored diag.List
			if root := parse(file, text, &ignored); root != nil {
				bySchema = errors.Join(bySchema, s.Validate(instance(t, root.Node)))
			}
		}
		if bySchema != nil {
			refused++
		} else {
			accepted++
		}
		if (bySchema != nil) == byDecoder {
			continue
		}
		used[name] = true
		if schemaExceptions[name] == "" {
			t.Errorf("%s: decoder refuses %v, schema says %v", name, byDecoder, bySchema)
		}
	}
	for name := range schemaExceptions {
		if !used[name] {
			t.Errorf("%s is no exception any more", name)
		}
	}
	if refused < 20 || accepted < 60 {
		t.Errorf("only %d files refused and %d accepted", refused, accepted)
	}
}

func TestSchemaDescribesEverything(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	shapes := []any{doc}
	for _, d := range doc["$defs"].(map[string]any) {
		shapes = append(shapes, d)
	}
	if len(shapes) < 14 {
		t.Errorf("only %d shapes", len(shapes))
	}
	for _, d := range shapes {
		m := d.(map[string]any)
		if m["additionalProperties"] != false {
			t.Errorf("open to any key: %v", m)
		}
		for key, p := range m["properties"].(map[string]any) {
			if text, _ := p.(map[string]any)["description"].(string); !strings.HasSuffix(text, ".") {
				t.Errorf("%s is not described: %q", key, text)
			}
		}
	}
}
