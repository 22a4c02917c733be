package site

import (
	"io/fs"

	"glacis/internal/diag"
	"glacis/internal/policy"
	"glacis/internal/policytest"
)

var (
	testFileShape = &shape{what: "a test file", fields: []field{
		{key: "tests", kind: list, shape: testShape, required: true, doc: "Packets and what must become of them."},
	}}
	testShape = &shape{what: "a test", fields: []field{
		{key: "packet", kind: text, required: true, doc: "The packet, such as \"tcp 203.0.113.9 -> 192.0.2.10:25\"."},
		{key: "verdict", kind: text, required: true, values: []string{"allow", "drop", "reject"}, doc: "What must become of it."},
		{key: "rule", kind: text, doc: "The rule that must decide, or a built-in such as \"(default)\"."},
		{key: "nat", kind: object, shape: testNATShape, doc: "How the packet must leave."},
		{key: "at", kind: text, pattern: datePattern, doc: "Judge as of this day, such as 2027-06-30: exceptions expire."},
		{key: "note", kind: text, doc: "Why this is expected."},
	}}
	testNATShape = &shape{what: "a translation", fields: []field{
		{key: "src", kind: text, doc: "The source address that the destination sees."},
		{key: "dst", kind: text, doc: "The real destination address."},
		{key: "port", kind: number, most: 65535, doc: "The real destination port."},
	}}
)

// LoadTests reads the packet expectations of a site: all *.test.yaml files at
// the root of a file system, in order of name. If anything in them is wrong
// there are none. What they expect of a site is for policytest to check.
func LoadTests(fsys fs.FS) ([]policytest.Case, diag.List, diag.Sources) {
	l := &loader{fsys: fsys, sources: diag.Sources{}}
	cases := l.tests()
	diags := l.diags.List
	diags.Sort()
	if diags = diags.Cut(maxDiagnostics); diags.HasErrors() {
		cases = nil
	}
	return cases, diags, l.sources
}

// tests reads all test files, as far as it is worth while.
func (l *loader) tests() (cases []policytest.Case) {
	defer l.untilEnough()
	for _, name := range l.testFiles() {
		text, ok := l.read(name, diag.Range{File: name}, maxFile)
		if !ok {
			continue
		}
		if root := parse(name, text, &l.diags.List); root != nil {
			file, _ := l.mapping(*root, testFileShape)
			for _, v := range file.list("tests") {
				cases = append(cases, l.testCase(v))
			}
		}
	}
	return cases
}

func (l *loader) testFiles() []string {
	entries, err := fs.ReadDir(l.fsys, ".")
	if err != nil {
		l.diags.Errorf(diag.Range{File: "."}, "unreadable", "cannot read the site: %v", err).Fix = "name a directory of YAML files, or one file"
	}
	var out []string
	for _, e := range entries { // sorted by name
		if !e.IsDir() && IsTestFile(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}

func (l *loader) testCase(v value) policytest.Case {
	m, _ := l.mapping(v, testShape)
	c := policytest.Case{Packet: m.placed("packet"), Verdict: policy.Verdict(m.word("verdict")), Rule: m.placed("rule"),
		Note: m.word("note"), Range: v.at()}
	if at, given := m.get("at"); given {
		c.At, _ = l.date(at)
	}
	if rule, given := m.get("rule"); given && rule.Value == "" {
		l.diags.Errorf(rule.at(), "empty-text", "%q says nothing", "rule").Fix = "name the rule that must decide, or leave rule out"
	}
	if nat, given := m.get("nat"); given {
		c.NAT = l.testNAT(nat)
	}
	return c
}

func (l *loader) testNAT(v value) (out policytest.NAT) {
	m, ok := l.mapping(v, testNATShape)
	if ok && len(m.fields) == 0 {
		l.diags.Errorf(v.at(), "empty-value", "a translation with nothing in it").Fix = "name src, dst or port, or remove nat"
	}
	if src, given := m.get("src"); given {
		out.Src, _ = l.addr(src)
	}
	if dst, given := m.get("dst"); given {
		out.Dst, _ = l.addr(dst)
	}
	out.Port = uint16(m.number("port"))
	return out
}

// placed returns a key's text with its place.
func (m mapping) placed(key string) policytest.Text {
	v, ok := m.get(key)
	if !ok {
		return policytest.Text{}
	}
	return policytest.Text{Text: v.Value, Range: v.at()}
}
