package site

import (
	"fmt"
	"slices"
	"strings"

	"glacis/internal/diag"

	"go.yaml.in/yaml/v4"
)

// decoder turns nodes into values and collects what is wrong on the way. Its
// methods report and return false; they never stop the others.
type decoder struct {
	diags       reports
	suggestions int
}

// mapping is a decoded mapping of one shape. Its fields are the sound ones: what
// is wrong has been reported, and the rest can still be judged.
type mapping struct {
	value
	shape  *shape
	fields map[string]entry
}

func (m mapping) get(key string) (value, bool) {
	e, ok := m.fields[key]
	return e.value, ok
}

// has reports whether the key is there, sound or not.
func (m mapping) has(key string) bool {
	return slices.ContainsFunc(m.entries(), func(e entry) bool { return e.key.Value == key })
}

// sound reports whether the key is there and fits.
func (m mapping) sound(key string) bool {
	_, ok := m.fields[key]
	return ok
}

// names returns the entries of a key whose value is a mapping of names.
func (m mapping) names(key string) []entry {
	if v, ok := m.get(key); ok {
		return v.entries()
	}
	return nil
}

// list returns the values of a key, none if it is not given.
func (m mapping) list(key string) []value {
	if v, ok := m.get(key); ok {
		return v.items()
	}
	return nil
}

// word returns the text of a key, "" if it is not given.
func (m mapping) word(key string) string {
	if v, ok := m.get(key); ok {
		return v.Value
	}
	return ""
}

// mapping reads a mapping of a shape: its keys known, unique and complete. It
// reports false if any of it is wrong.
func (d *decoder) mapping(v value, s *shape) (mapping, bool) {
	m := mapping{v, s, map[string]entry{}}
	if v.Kind != yaml.MappingNode {
		d.diags.Errorf(v.at(), "wrong-kind", "%s is a mapping, this is %s", s.what, v.kind()).Fix = "write it as key: value, with the keys " + strings.Join(s.keys(), ", ")
		return m, false
	}
	ok := true
	given := map[string]entry{}
	for _, e := range v.entries() {
		f := s.field(e.key.Value)
		if f == nil {
			d.unknownKey(e.key, s)
			ok = false
			continue
		}
		if first, twice := given[f.key]; twice {
			d.twice(e.key, "duplicate-key", first.key.at(), "key %q is given twice", f.key).Fix = "keep one of the two"
			ok = false
			continue
		}
		given[f.key] = e
		if d.fits(e.value, f) {
			m.fields[f.key] = e
		} else {
			ok = false
		}
	}
	return m, d.complete(v, s, given) && ok
}

// complete checks that every key is there that must be.
func (d *decoder) complete(v value, s *shape, given map[string]entry) bool {
	ok := true
	for _, f := range s.fields { // in the order of the documentation
		if _, has := given[f.key]; f.required && !has {
			d.missing(v, s.what, f)
			ok = false
		}
	}
	return d.choice(v, s, given) && ok
}

// choice checks that exactly one of a shape's alternatives is there, with all
// that it needs and nothing that it ignores.
func (d *decoder) choice(v value, s *shape, given map[string]entry) bool {
	var found []string
	for _, k := range s.oneOf {
		if _, has := given[k]; has {
			found = append(found, k)
		}
	}
	if s.oneOf != nil && len(found) != 1 {
		fix := "add the one that is meant"
		if len(found) > 1 {
			fix = "split it into one for each of " + strings.Join(found, ", ")
		}
		d.diags.Errorf(v.at(), "one-of", "%s has exactly one of %s", s.what, strings.Join(s.oneOf, ", ")).Fix = fix
		return false
	}
	ok := true
	for _, k := range found {
		for _, need := range s.needs[k] {
			if _, has := given[need]; !has {
				d.missing(given[k].key, k, *s.field(need))
				ok = false
			}
		}
		for _, e := range v.entries() {
			if _, isKey := given[e.key.Value]; isKey && s.ignores(k, e.key.Value) {
				d.diags.Errorf(e.key.at(), "unused-key", "%q means nothing for %s", e.key.Value, k).Fix = "remove it, or choose another of " + strings.Join(s.oneOf, ", ")
				ok = false
			}
		}
	}
	return ok
}

func (d *decoder) missing(v value, what string, f field) {
	d.diags.Errorf(v.at(), "missing-key", "%s needs the key %q", what, f.key).Fix = fmt.Sprintf("add %s: %s", f.key, f.help())
}

func (d *decoder) unknownKey(key value, s *shape) {
	d.unknown(key.at(), "unknown-key", fmt.Sprintf("%s has no key %q", s.what, key.Value), key.Value, s.keys())
	if s == siteShape && key.Value == "tests" {
		d.fix("packet tests live in files of their own, named *.test.yaml")
	}
}

// twice reports the second of two things of which there may be one.
func (d *decoder) twice(v value, code string, first diag.Range, format string, args ...any) *diag.Diagnostic {
	e := d.diags.Errorf(v.at(), code, format, args...)
	e.Related = []diag.Related{{Message: "first here", Range: first}}
	e.Fix = "rename one of the two, or remove it"
	return e
}

// fix says what to do about the diagnostic reported last.
func (d *decoder) fix(what string) { d.diags.List[len(d.diags.List)-1].Fix = what }

// fits checks the kind of a field's value and the values allowed.
func (d *decoder) fits(v value, f *field) bool {
	scalar := v.Kind == yaml.ScalarNode && !v.isNull()
	wrong := func(want string) bool {
		d.diags.Errorf(v.at(), "wrong-kind", "%q is %s, this is %s", f.key, want, v.kind()).Fix = f.howTo()
		return false
	}
	switch f.kind {
	case text, number, truth:
		if !scalar {
			return wrong("a single value")
		}
	case texts:
		return d.scalars(v, f.key)
	case object, named, namedAny:
		if v.Kind != yaml.MappingNode {
			return wrong("a mapping")
		}
	case list:
		if v.Kind != yaml.SequenceNode {
			return wrong("a list")
		}
	case flexible:
		if !scalar && v.Kind != yaml.MappingNode {
			return wrong("a single value or a mapping")
		}
	}
	return d.allowed(v, f)
}

// allowed checks a scalar against the values its field may have.
func (d *decoder) allowed(v value, f *field) bool {
	switch {
	case f.kind == truth && (v.Tag != "!!bool" || v.Value != "true" && v.Value != "false"):
		d.diags.Errorf(v.at(), "bad-value", "%q is true or false, not %s", f.key, v.written()).Fix = "write true or false, without quotes"
	case f.values != nil && !slices.Contains(f.values, v.Value):
		d.unknown(v.at(), "bad-value", fmt.Sprintf("%q is not a value of %q", v.Value, f.key), v.Value, f.values)
	case f.kind == number:
		_, ok := d.number(v, f.key, f.most)
		return ok
	case f.kind == name:
		_, ok := d.name(v, f.most)
		return ok
	case f.pattern != nil && !f.pattern.MatchString(v.Value) && (f.kind != flexible || v.Kind == yaml.ScalarNode):
		return d.pattern(v, f)
	default:
		return true
	}
	return false
}

func (d *decoder) pattern(v value, f *field) bool {
	if f.pattern == datePattern {
		d.diags.Errorf(v.at(), "bad-date", "%q is not a date", v.Value).Fix = "write it like 2027-06-30"
	} else {
		d.diags.Errorf(v.at(), "bad-rate", "%q is not a rate", v.Value).Fix = "write new connections a second, from 1/s to 1000000/s, like 200/s"
	}
	return false
}

// scalars checks that a value is one scalar or a list of them, at least one.
func (d *decoder) scalars(v value, key string) bool {
	if v.Kind == yaml.MappingNode || v.isNull() {
		d.diags.Errorf(v.at(), "wrong-kind", "%q is a value or a list of values, this is %s", key, v.kind()).Fix = "write one value, or several as [a, b]"
		return false
	}
	if len(v.items()) == 0 {
		d.diags.Errorf(v.at(), "empty-value", "%q is an empty list", key).Fix = "add a value, or remove the key: it is never taken to mean everything"
		return false
	}
	ok := true
	for _, item := range v.items() {
		if item.Kind != yaml.ScalarNode || item.isNull() {
			d.diags.Errorf(item.at(), "wrong-kind", "in %q a single value is wanted, this is %s", key, item.kind()).Fix = "write one value; an IPv6 address inside [ ] needs quotes"
			ok = false
		}
	}
	return ok
}
