package site

import (
	"encoding/json"
	"strings"
)

// Schema returns the JSON Schema of a site file (draft 2020-12), made from the
// same shapes that the decoder reads by, so that an editor completes and
// refuses what the decoder would. What names refer to, and whether addresses
// are where they are said to be, only Load knows.
func Schema() []byte {
	w := &schemaWriter{defs: map[string]any{}}
	root := w.shape(siteShape)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Glacis site file"
	root["$defs"] = w.defs
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("site: schema: " + err.Error()) // it holds only maps, lists and texts
	}
	return append(text, '\n')
}

// schemaWriter collects the shapes that are referred to by name.
type schemaWriter struct{ defs map[string]any }

type schema map[string]any

// ref refers to a shape's definition, making it on first use.
func (w *schemaWriter) ref(s *shape) schema {
	words := strings.Fields(s.what)
	key := words[len(words)-1]
	if _, done := w.defs[key]; !done {
		w.defs[key] = nil // shapes do not contain themselves
		w.defs[key] = w.shape(s)
	}
	return schema{"$ref": "#/$defs/" + key}
}

func (w *schemaWriter) shape(s *shape) schema {
	properties, required := schema{}, []string{}
	for _, f := range s.fields {
		p := w.field(&f)
		p["description"] = f.doc
		properties[f.key] = p
		if f.required {
			required = append(required, f.key)
		}
	}
	out := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if s.oneOf != nil {
		out["oneOf"] = choices(s)
	}
	return out
}

// choices is one schema for each alternative of a shape: its own key, what it
// needs, and none of what it ignores.
func choices(s *shape) []any {
	var out []any
	for _, k := range s.oneOf {
		choice := schema{"required": append([]string{k}, s.needs[k]...)}
		ignored := schema{}
		for _, f := range s.fields {
			if s.ignores(k, f.key) {
				ignored[f.key] = false
			}
		}
		if len(ignored) > 0 {
			choice["properties"] = ignored
		}
		out = append(out, choice)
	}
	return out
}

func (w *schemaWriter) field(f *field) schema {
	switch f.kind {
	case texts:
		return listOf(scalarSchema())
	case name:
		return nameSchema(f.most)
	case number:
		return schema{"type": "integer", "minimum": 1, "maximum": f.most}
	case truth:
		return schema{"type": "boolean"}
	case object:
		return w.ref(f.shape)
	case list:
		return schema{"type": "array", "items": w.ref(f.shape)}
	case named:
		return namedSchema(w.named(f.shape))
	case namedAny:
		return namedSchema(listOf(scalarSchema()))
	case flexible:
		return schema{"anyOf": []any{schema{"type": "string", "pattern": f.pattern.String()}, w.ref(f.shape)}}
	}
	switch {
	case f.values != nil:
		return schema{"enum": f.values}
	case f.pattern == datePattern:
		return schema{"type": "string", "format": "date", "pattern": f.pattern.String()}
	case f.pattern != nil:
		return schema{"type": "string", "pattern": f.pattern.String()}
	}
	return scalarSchema()
}

// named is the schema of what a name stands for: a node may be nothing.
func (w *schemaWriter) named(s *shape) schema {
	if s == nodeShape {
		return schema{"anyOf": []any{w.ref(s), schema{"type": "null"}}}
	}
	return w.ref(s)
}

// scalarSchema is any one value: YAML reads a ticket called 1234 as a number.
func scalarSchema() schema { return schema{"type": []string{"string", "number", "boolean"}} }

// listOf is one value or a list of them, at least one.
func listOf(item schema) schema {
	return schema{"anyOf": []any{item, schema{"type": "array", "items": item, "minItems": 1}}}
}

func nameSchema(most int) schema {
	return schema{"type": "string", "pattern": namePattern, "maxLength": most, "not": schema{"enum": reserved}}
}

func namedSchema(value schema) schema {
	return schema{
		"type":                 "object",
		"propertyNames":        schema{"maxLength": maxName, "not": schema{"enum": reserved}},
		"patternProperties":    schema{namePattern: value},
		"additionalProperties": false,
	}
}
