package site

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"

	"go.yaml.in/yaml/v4"
	"go4.org/netipx"
)

// decoder turns nodes into values and collects what is wrong on the way. Its
// methods report and return false; they never stop the others.
type decoder struct{ diags diag.List }

// mapping is a decoded mapping of one shape.
type mapping struct {
	value
	shape  *shape
	fields map[string]entry
}

func (m mapping) get(key string) (value, bool) {
	e, ok := m.fields[key]
	return e.value, ok
}

// mapping reads a mapping of a shape: its keys known, unique and complete.
func (d *decoder) mapping(v value, s *shape) (mapping, bool) {
	m := mapping{v, s, map[string]entry{}}
	if v.Kind != yaml.MappingNode {
		d.diags.Errorf(v.at(), "wrong-kind", "%s is a mapping, this is %s", s.what, v.kind()).Fix = "keys: " + strings.Join(s.keys(), ", ")
		return m, false
	}
	ok := true
	for _, e := range v.entries() {
		f := s.field(e.key.Value)
		if f == nil {
			d.unknown(e.key.at(), "unknown-key", fmt.Sprintf("%s has no key %q", s.what, e.key.Value), e.key.Value, s.keys())
			ok = false
			continue
		}
		if first, twice := m.fields[f.key]; twice {
			d.diags.Errorf(e.key.at(), "duplicate-key", "key %q is given twice", f.key).Related = []diag.Related{{Message: "first here", Range: first.key.at()}}
			ok = false
			continue
		}
		m.fields[f.key] = e
		ok = d.fits(e.value, f) && ok
	}
	for _, f := range s.fields {
		if _, given := m.fields[f.key]; f.required && !given {
			d.diags.Errorf(v.at(), "missing-key", "%s needs the key %q", s.what, f.key).Fix = f.doc
			ok = false
		}
	}
	return m, ok
}

// fits checks the kind of a field's value and the values allowed.
func (d *decoder) fits(v value, f *field) bool {
	scalar := v.Kind == yaml.ScalarNode && !v.isNull()
	wrong := func(want string) bool {
		d.diags.Errorf(v.at(), "wrong-kind", "%q is %s, this is %s", f.key, want, v.kind()).Fix = f.doc
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
	switch {
	case f.kind == truth && v.Value != "true" && v.Value != "false":
		d.diags.Errorf(v.at(), "bad-value", "%q is true or false, not %q", f.key, v.Value).Fix = "write true or false"
		return false
	case f.values != nil && !slices.Contains(f.values, v.Value):
		d.unknown(v.at(), "bad-value", fmt.Sprintf("%q is not a value of %q", v.Value, f.key), v.Value, f.values)
		return false
	case f.kind == number:
		_, ok := d.number(v, f.key)
		return ok
	case f.pattern != "" && f.pattern != namePattern && !regexp.MustCompile(f.pattern).MatchString(v.Value):
		return d.pattern(v, f)
	}
	return true
}

func (d *decoder) pattern(v value, f *field) bool {
	code, example := "bad-rate", "200/s"
	if f.pattern == datePattern {
		code, example = "bad-date", "2027-06-30"
	}
	d.diags.Errorf(v.at(), code, "%q is not a value of %q", v.Value, f.key).Fix = "write it like " + example
	return false
}

// scalars checks that a value is one scalar or a list of them, at least one.
func (d *decoder) scalars(v value, key string) bool {
	if v.Kind == yaml.MappingNode || v.isNull() {
		d.diags.Errorf(v.at(), "wrong-kind", "%q is a value or a list of values, this is %s", key, v.kind()).Fix = "write one value, or several as [a, b]"
		return false
	}
	ok := true
	for _, item := range v.items() {
		if item.Kind != yaml.ScalarNode || item.isNull() {
			d.diags.Errorf(item.at(), "wrong-kind", "in %q a single value is wanted, this is %s", key, item.kind()).Fix = "quote IPv6 addresses inside [ ] lists"
			ok = false
		}
	}
	return ok
}

func (d *decoder) number(v value, key string) (int, bool) {
	n, err := strconv.Atoi(v.Value)
	if err != nil || n < 0 || v.Value != strconv.Itoa(n) {
		d.diags.Errorf(v.at(), "bad-number", "%q is a whole number, not %q", key, v.Value).Fix = "write digits only, with no leading zero"
		return 0, false
	}
	return n, true
}

// unknown reports a word that is none of those known, with the nearest.
func (d *decoder) unknown(at diag.Range, code, message, word string, known []string) {
	e := d.diags.Errorf(at, code, "%s", message)
	if near := nearest(word, known); near != "" {
		e.Fix = fmt.Sprintf("did you mean %q?", near)
	} else if len(known) > 0 && len(known) <= 20 {
		e.Fix = "one of: " + strings.Join(known, ", ")
	}
}

var nameRegexp = regexp.MustCompile(namePattern)

// Longest names: the ruleset's chains, counters and log prefixes are made of
// them and the kernel's own limits are 127.
const (
	maxName     = 32
	maxRuleName = 40
)

// name checks a name that the site gives to something.
func (d *decoder) name(v value, what string, most int) (string, bool) {
	switch {
	case v.Kind != yaml.ScalarNode || !nameRegexp.MatchString(v.Value):
		d.diags.Errorf(v.at(), "bad-name", "%q is not a name for %s", v.Value, what).Fix = "letters, digits, - and _, beginning with a letter"
	case len(v.Value) > most:
		d.diags.Errorf(v.at(), "long-name", "the name of %s is longer than %d characters", what, most).Fix = "shorten it: counters, logs and the kernel's own names are made of it"
	case v.Value == "any" || v.Value == "firewall":
		d.diags.Errorf(v.at(), "reserved-name", "%q is a word of the language", v.Value).Fix = "choose another name"
	default:
		return v.Value, true
	}
	return "", false
}

func (d *decoder) addr(v value) (netip.Addr, bool) {
	a, err := netip.ParseAddr(v.Value)
	switch {
	case err != nil && strings.Contains(v.Value, "/"):
		d.diags.Errorf(v.at(), "bad-address", "%q is a network, not an address", v.Value).Fix = "write the address without its length"
	case err != nil:
		d.diags.Errorf(v.at(), "bad-address", "%q is not an IP address", v.Value).Fix = "write it like 192.0.2.10 or \"2001:db8::10\", with no leading zeros"
	case a.Is4In6() || a.Zone() != "":
		d.diags.Errorf(v.at(), "bad-address", "%q mixes address families or has a scope", v.Value).Fix = "write the plain IPv4 or IPv6 address"
	default:
		return a, true
	}
	return netip.Addr{}, false
}

// addrs reads addresses, at most one a family if single is set.
func (d *decoder) addrs(v value, single bool) []netip.Addr {
	var out []netip.Addr
	for _, item := range v.items() {
		a, ok := d.addr(item)
		if !ok {
			continue
		}
		if single && slices.ContainsFunc(out, func(b netip.Addr) bool { return a.Is4() == b.Is4() }) {
			d.diags.Errorf(item.at(), "two-addresses", "a second address of the same family").Fix = "give at most one IPv4 and one IPv6 address"
			continue
		}
		out = append(out, a)
	}
	return out
}

// prefix reads a network; its address must be the first of it unless host is
// set (an address with the length of its subnet).
func (d *decoder) prefix(v value, host bool) (netip.Prefix, bool) {
	text := v.Value
	if a, err := netip.ParseAddr(text); err == nil && !host {
		text = fmt.Sprintf("%s/%d", text, a.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || p.Addr().Is4In6():
		d.diags.Errorf(v.at(), "bad-network", "%q is not a network", v.Value).Fix = "write it like 192.0.2.0/24 or \"2001:db8::/64\""
	case !host && p != p.Masked():
		d.diags.Errorf(v.at(), "host-bits", "%s has bits set beyond its length", v.Value).Fix = fmt.Sprintf("write %s, or the address alone", p.Masked())
	default:
		return p, true
	}
	return netip.Prefix{}, false
}

// addresses reads an address, a network or a range first-last as a set.
func addresses(text string) (*netipx.IPSet, error) {
	var b netipx.IPSetBuilder
	if strings.Contains(text, "-") {
		r, err := netipx.ParseIPRange(text)
		if err != nil {
			return nil, err
		}
		b.AddRange(r)
		return b.IPSet()
	}
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Is4In6() || a.Zone() != "" {
			return nil, fmt.Errorf("%q mixes address families or has a scope", text)
		}
		b.Add(a)
		return b.IPSet()
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, err
	}
	if p != p.Masked() {
		return nil, fmt.Errorf("%s has bits set beyond its length: write %s, or the address alone", text, p.Masked())
	}
	b.AddPrefix(p)
	return b.IPSet()
}

// rate reads 200/s.
func (d *decoder) rate(v value) (int, bool) {
	digits, per, _ := strings.Cut(v.Value, "/")
	n, err := strconv.Atoi(digits)
	if err != nil || per != "s" || n < 1 || n > 1_000_000 || strconv.Itoa(n) != digits {
		d.diags.Errorf(v.at(), "bad-rate", "%q is not a rate", v.Value).Fix = "write new connections a second, 1/s to 1000000/s, like 200/s"
		return 0, false
	}
	return n, true
}

// burst reads how many connections may come at once.
func (d *decoder) burst(m mapping) int {
	v, ok := m.get("burst")
	if !ok {
		return 0
	}
	n, ok := d.number(v, "burst")
	if ok && (n < 1 || n > 1_000_000) {
		d.diags.Errorf(v.at(), "bad-number", "a burst is 1 to 1000000").Fix = "leave it out: a second's worth is the default"
	}
	return n
}

func (d *decoder) duration(v value, least, most time.Duration) (time.Duration, bool) {
	t, err := time.ParseDuration(v.Value)
	if err != nil || t < least || t > most {
		d.diags.Errorf(v.at(), "bad-duration", "%q is not a time from %v to %v", v.Value, least, most).Fix = "write it like 300ms or 1s"
		return 0, false
	}
	return t, true
}

func (d *decoder) date(v value) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, v.Value)
	if err != nil {
		d.diags.Errorf(v.at(), "bad-date", "%q is not a date", v.Value).Fix = "write it like 2027-06-30"
		return time.Time{}, false
	}
	return t, true
}

func (d *decoder) vlan(m mapping) int {
	v, ok := m.get("vlan")
	if !ok {
		return 0
	}
	n, ok := d.number(v, "vlan")
	if ok && (n < 1 || n > 4094) {
		d.diags.Errorf(v.at(), "bad-vlan", "%d is not a VLAN tag", n).Fix = "tags are 1 to 4094; leave vlan out for an untagged device"
		return 0
	}
	return n
}

// device checks the kernel's name of a link: at most 15 characters, tag
// included, and none of which a path or nft would make something else.
func (d *decoder) device(v value, vlan int) string {
	link := policy.LinkName(v.Value, vlan)
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`).MatchString(v.Value) || len(link) > 15 || v.Value == "lo" || v.Value == "all" || v.Value == "default" {
		d.diags.Errorf(v.at(), "bad-device", "%q is not the name of a network device", link).Fix = "letters, digits, - and _, at most 15 characters with the VLAN tag; not lo"
	}
	return v.Value
}

// nearest returns the known word that a typing error turns into word.
func nearest(word string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		if n := distance(strings.ToLower(word), strings.ToLower(k)); n < bestDistance && n < max(len(k)/2, 2) {
			best, bestDistance = k, n
		}
	}
	return best
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
