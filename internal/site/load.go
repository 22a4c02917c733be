// Package site reads the site language: a directory of YAML files, or one, that
// declare the zones of a network, the firewall between them, and who may talk
// to whom and why. docs/SPEC.md is the language's definition.
package site

import (
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"

	"go.yaml.in/yaml/v4"
)

// Bounds of what is read. A site of 10,000 rules is about 3 MB.
const (
	maxFile     = 16 << 20
	maxSite     = 64 << 20
	maxNesting  = 20        // groups in groups, services in services
	maxResolved = 1_000_000 // endpoints and matches that names stand for in all

	maxValues      = 1_000_000 // commas, colons and the like: about as many scalars, lists and mappings
	maxDiagnostics = 1000
)

// Options say for which moment a site is judged: exceptions expire.
type Options struct{ Now time.Time }

// Load reads all *.yaml and *.yml files at the root of a file system, except
// *.test.yaml, in order of name, as one site. Everything wrong is reported; if
// any of it is an error there is no site. The sources are for rendering the
// diagnostics.
func Load(fsys fs.FS, opt Options) (*policy.Site, diag.List, diag.Sources) {
	l := &loader{fsys: fsys, opt: opt, sources: diag.Sources{}}
	s := l.load()
	diags := l.diags.List
	if s != nil && !diags.HasErrors() {
		diags = append(diags, policy.Validate(s, opt.Now)...)
	}
	diags.Sort()
	diags = diags.Cut(maxDiagnostics)
	if diags.HasErrors() {
		return nil, diags, l.sources
	}
	return s, diags, l.sources
}

// load reads and builds, as far as it is worth while.
func (l *loader) load() (s *policy.Site) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case enough:
			s = nil
		default:
			panic(p)
		}
	}()
	l.readFiles()
	return l.build()
}

// loader holds what the files say until all of it is read.
type loader struct {
	decoder
	fsys    fs.FS
	opt     Options
	sources diag.Sources
	total   int // bytes
	values  int // about

	roots  []mapping
	unread bool // a file could not be read: what it would have defined is not missing
	site   *policy.Site

	firewallKeys mapping
	unsure       map[*policy.Interface]bool // its addresses are not all known
	addressed    map[netip.Addr]*policy.Host
	ownersKnown  bool // the addresses of every zone are right, so that what lies in none is a mistake

	services *serviceResolver
	names    map[string]namedThing
	groups   map[string]*group
	lists    map[string]*policy.Blocklist
	nesting  int // of the group being resolved
	resolved int
}

// namedThing is a zone, host or group: they share one space of names.
type namedThing struct {
	zone  *policy.Zone
	host  *policy.Host
	group *group
	at    diag.Range
}

// IsSiteFile reports whether a file name is one that Load reads.
func IsSiteFile(name string) bool {
	ext := path.Ext(name)
	return (ext == ".yaml" || ext == ".yml") && !IsTestFile(name) && !strings.HasPrefix(name, ".")
}

// IsTestFile reports whether a file name is one of packet expectations.
func IsTestFile(name string) bool {
	return strings.HasSuffix(name, ".test.yaml") || strings.HasSuffix(name, ".test.yml")
}

func (l *loader) readFiles() {
	entries, err := fs.ReadDir(l.fsys, ".")
	if err != nil {
		l.diags.Errorf(diag.Range{File: "."}, "unreadable", "cannot read the site: %v", err).Fix = "name a directory of YAML files, or one file"
		return
	}
	found := false
	for _, e := range entries { // sorted by name
		if e.IsDir() || !IsSiteFile(e.Name()) {
			continue
		}
		found = true
		before := len(l.diags.List)
		text, ok := l.read(e.Name(), diag.Range{File: e.Name()}, maxFile)
		if !ok {
			l.unread = true
			continue
		}
		if l.values += separators(text); l.values > maxValues && l.values != separators(text) {
			l.diags.Errorf(diag.Range{File: e.Name()}, "too-large", "the site holds too many values: about %d are read", maxValues).Fix = "make it two sites"
			l.unread = true
			break
		}
		root := parse(e.Name(), text, &l.diags.List)
		if root == nil {
			l.unread = l.unread || len(l.diags.List) > before
			continue
		}
		m, _ := l.mapping(*root, siteShape)
		l.roots = append(l.roots, m)
		l.unread = l.unread || !m.readable()
	}
	if found && len(l.roots) == 0 && !l.diags.HasErrors() {
		l.diags.Errorf(diag.Range{File: "."}, "no-site", "there is no site here: its files are empty").Fix = "make one with: glacis init DIR"
	}
	if !found {
		l.diags.Errorf(diag.Range{File: "."}, "no-site", "there is no site here: no .yaml file").Fix = "make one with: glacis init DIR"
	}
}

// readable reports whether every section is of its kind.
func (m mapping) readable() bool {
	return m.Kind == yaml.MappingNode && !slices.ContainsFunc(m.entries(), func(e entry) bool {
		f := m.shape.field(e.key.Value)
		return f != nil && !m.sound(f.key)
	})
}

// read returns the text of a file, within bounds.
func (l *loader) read(name string, at diag.Range, most int) ([]byte, bool) {
	f, err := l.fsys.Open(name)
	if err != nil {
		l.diags.Errorf(at, "unreadable", "cannot read %s: %v", name, reason(err)).Fix = "check the name and the permissions; names are relative to the site"
		return nil, false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		l.diags.Errorf(at, "unreadable", "cannot read %s: %v", name, reason(err)).Fix = "check the file and its permissions"
		return nil, false
	}
	if l.total += len(text); len(text) > most || l.total > maxSite {
		l.diags.Errorf(at, "too-large", "%s is too large: at most %d MB a file and %d MB in all", name, most>>20, maxSite>>20).Fix = "split the file, or the site"
		return nil, false
	}
	text = withoutMark(text)
	l.sources[name] = text
	return text, true
}

// reason leaves the name out of a file error: it has been said.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// build puts the sections together in the order in which they refer to each
// other: zones, interfaces, services, hosts and NAT addresses settle who owns
// which address; only then do names in rules mean addresses.
func (l *loader) build() *policy.Site {
	if len(l.roots) == 0 || l.unread {
		return nil
	}
	l.site = &policy.Site{Firewall: &policy.Firewall{}}
	l.names, l.lists = map[string]namedThing{}, map[string]*policy.Blocklist{}
	l.unsure = map[*policy.Interface]bool{}
	l.groups, l.addressed = map[string]*group{}, map[netip.Addr]*policy.Host{}
	l.siteName()
	l.zones()
	l.firewall()
	l.ownersKnown = !l.diags.HasErrors()
	l.services = newServices(&l.decoder, l.section("services"))
	l.ownServices()
	l.hosts()
	l.groupNames()
	l.management()
	nat := l.natAddresses()
	l.site.Resolve()
	l.checkHosts()
	l.checkSubnets()
	l.blocklists()
	l.checkGroups()
	l.rules()
	l.nat(nat)
	l.guarantees()
	return l.site
}

// single returns the one value of a top-level key that may be given only once.
func (l *loader) single(key string) (value, bool) {
	var first entry
	found := false
	for _, root := range l.roots {
		e, ok := root.fields[key]
		if !ok {
			continue
		}
		if found {
			l.twice(e.key, "duplicate-section", first.key.at(), "%q is given in two files", key).Fix = "keep it in one of the two files"
			continue
		}
		first, found = e, true
	}
	return first.value, found
}

// ordered returns the entries of a section of names, from all files, in order.
func (l *loader) ordered(key string) []entry {
	var out []entry
	seen := map[string]entry{}
	for _, root := range l.roots {
		v, ok := root.get(key)
		if !ok {
			continue
		}
		for _, e := range v.entries() {
			if first, twice := seen[e.key.Value]; twice {
				l.twice(e.key, "duplicate-name", first.key.at(), "%s %q is defined twice", strings.TrimSuffix(key, "s"), e.key.Value)
				continue
			}
			seen[e.key.Value] = e
			out = append(out, e)
		}
	}
	return out
}

// section is ordered by name, without reporting duplicates again.
func (l *loader) section(key string) map[string]entry {
	out := map[string]entry{}
	for _, e := range l.ordered(key) {
		out[e.key.Value] = e
	}
	return out
}

// items returns the elements of a section that is a list, from all files.
func (l *loader) items(key string) []value {
	var out []value
	for _, root := range l.roots {
		if v, ok := root.get(key); ok {
			out = append(out, v.items()...)
		}
	}
	return out
}

func (l *loader) siteName() {
	l.site.Range = l.roots[0].at()
	if v, ok := l.single("site"); ok {
		l.site.Name = v.Value
		l.site.Range = v.at()
		return
	}
	if !slices.ContainsFunc(l.roots, func(m mapping) bool { return m.has("site") }) {
		l.diags.Errorf(l.site.Range, "missing-key", "the site has no name").Fix = "begin with a line like site: example"
	}
}

// ownServices resolves the services the site defines, used or not, so that a
// fault in one is found before it is used.
func (l *loader) ownServices() {
	names := []string{}
	for n := range l.services.defined {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		e := l.services.defined[n]
		if _, ok := l.name(e.key, maxName); !ok || !l.scalars(e.value, n) {
			continue
		}
		if Builtins()[n] != nil {
			l.diags.Errorf(e.key.at(), "builtin-service", "service %q is built in as %s", n, describe(Builtins()[n])).Fix = "choose another name"
			continue
		}
		if s := l.services.define(e, e.key); s != nil {
			l.site.Services = append(l.site.Services, s)
		}
	}
}

func describe(s *policy.Service) string {
	var words []string
	for _, m := range s.Matches {
		words = append(words, m.String())
	}
	return strings.Join(words, ", ")
}

// claim enters a name into the space that zones, hosts and groups share.
func (l *loader) claim(v value, t namedThing) (string, bool) {
	name, ok := l.name(v, maxName)
	if !ok {
		return "", false
	}
	if first, taken := l.names[name]; taken {
		l.twice(v, "duplicate-name", first.at, "the name %q is taken: zones, hosts and groups share one space of names", name)
		return "", false
	}
	t.at = v.at()
	l.names[name] = t
	return name, true
}

func (l *loader) knownNames() []string {
	out := []string{"any", "firewall"}
	for n := range l.names {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}
