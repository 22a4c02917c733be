package site

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

func (l *loader) rules() {
	seen := map[string]diag.Range{}
	for _, v := range l.items("rules") {
		m, _ := l.mapping(v, ruleShape)
		r := &policy.Rule{Range: v.at()}
		if n, given := m.get("name"); given {
			r.Name = l.uniqueName(n, "rule", seen)
			r.Range = n.at()
		}
		before := len(l.diags.List)
		l.action(r, m)
		r.From, r.To = l.ends(m.list("from")), l.ends(m.list("to"))
		r.Because, r.Owner = l.prose(m, "because"), l.prose(m, "owner")
		l.options(r, m)
		for k := before; k < len(l.diags.List); k++ {
			l.diags.List[k].Rule = r.Name
		}
		l.site.Rules = append(l.site.Rules, r)
	}
	l.sameRules()
}

// uniqueName checks the name of a rule, a NAT entry or a guarantee.
func (l *loader) uniqueName(v value, what string, seen map[string]diag.Range) string {
	if first, twice := seen[v.Value]; twice {
		l.twice(v, "duplicate-name", first, "%s %q is defined twice", what, v.Value)
		return ""
	}
	seen[v.Value] = v.at()
	return v.Value
}

// prose checks a text meant for people: it says something.
func (l *loader) prose(m mapping, key string) string {
	s := strings.TrimSpace(m.word(key))
	if v, given := m.get(key); given && s == "" {
		l.diags.Errorf(v.at(), "empty-text", "%q says nothing", key).Fix = "say it in a few words: others will ask"
	}
	return s
}

func (l *loader) action(r *policy.Rule, m mapping) {
	for _, a := range []policy.Action{policy.Allow, policy.Drop, policy.Reject} {
		if v, ok := m.get(a.String()); ok {
			r.Action = a
			r.Services = l.services.list(v.items())
		}
	}
}

// stops reports whether the rule keeps packets out.
func stops(r *policy.Rule) bool { return r.Action == policy.Drop || r.Action == policy.Reject }

// sameRules warns of a rule that says again what another says: the second can
// match nothing that the first has not decided.
func (l *loader) sameRules() {
	seen := map[string]*policy.Rule{}
	for _, r := range l.site.Rules {
		key := fmt.Sprint(r.Action, "|", serviceNames(r), "|", written(r.From), "|", written(r.To), "|", r.When)
		if first := seen[key]; first != nil {
			d := l.diags.Warnf(r.Range, "rule-twice", "rule %s says the same as rule %s, which comes first", r.Name, first.Name)
			d.Related, d.Rule = []diag.Related{{Message: "first here", Range: first.Range}}, r.Name
			d.Fix = "remove one of the two"
			continue
		}
		seen[key] = r
	}
}

func serviceNames(r *policy.Rule) []string {
	var out []string
	for _, s := range r.Services {
		out = append(out, s.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// written gives the endpoints as the file names them, sorted.
func written(ends []policy.Endpoint) []string {
	var out []string
	for _, e := range ends {
		out = append(out, e.Text)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (l *loader) options(r *policy.Rule, m mapping) {
	if v, ok := m.get("log"); ok {
		r.Log = v.Value == "true"
		if stops(r) {
			l.diags.Errorf(v.at(), "log-drop", "log is for allow rules: what is dropped or rejected is always logged").Fix = "remove log"
		}
	}
	if v, ok := m.get("limit"); ok {
		l.limit(r, v)
	}
	if v, ok := m.get("when"); ok {
		l.when(r, v)
	}
	if v, ok := m.get("exception"); ok {
		l.exception(r, v)
	}
}

func (l *loader) limit(r *policy.Rule, v value) {
	m, _ := l.mapping(v, limitShape)
	if stops(r) {
		l.diags.Errorf(v.at(), "limit-drop", "a limit is for allow rules: over it, connections are dropped").Fix = "put the limit on the rule that allows them"
	}
	r.Limit = &policy.Limit{Rate: policy.Rate{PerSecond: m.rate("new"), Burst: m.number("burst")}, PerSource: m.word("per") == "source"}
}

func (l *loader) when(r *policy.Rule, v value) {
	m, ok := l.mapping(v, whenShape)
	if ok && len(m.fields) == 0 {
		l.diags.Errorf(v.at(), "empty-condition", "when says nothing").Fix = "name a source or destination list, or remove when"
	}
	if ref, given := m.get("source"); given {
		r.When.Source = l.listNamed(ref)
	}
	if ref, given := m.get("destination"); given {
		r.When.Destination = l.listNamed(ref)
	}
}

func (l *loader) listNamed(ref value) *policy.Blocklist {
	name, isList := strings.CutPrefix(ref.Value, "blocklist.")
	if b := l.lists[name]; isList && b != nil {
		return b
	}
	var known []string
	for n := range l.lists {
		known = append(known, "blocklist."+n)
	}
	sort.Strings(known)
	l.unknown(ref.at(), "unknown-list", fmt.Sprintf("there is no list %q", ref.Value), ref.Value, known)
	switch {
	case !isList && l.lists[ref.Value] != nil:
		l.fix("write blocklist." + ref.Value)
	case len(known) == 0:
		l.fix("define it under blocklists: and write blocklist.NAME")
	}
	return nil
}

func (l *loader) exception(r *policy.Rule, v value) {
	m, _ := l.mapping(v, exceptionShape)
	if stops(r) {
		l.diags.Errorf(v.at(), "exception-drop", "an exception is for allow rules: when it ends this rule would end too, and let through what it stops").Fix = "remove the exception"
	}
	r.Exception = &policy.Exception{Ticket: l.prose(m, "ticket"), ApprovedBy: l.prose(m, "approved-by"), Range: v.at()}
	if expires, given := m.get("expires"); given {
		last, _ := l.date(expires)
		r.Exception.Expires = last.AddDate(0, 0, 1)
	}
}

func (l *loader) blocklists() {
	for _, e := range l.ordered("blocklists") {
		name, named := l.name(e.key, maxName)
		m, _ := l.mapping(e.value, blocklistShape)
		if !named {
			continue
		}
		b := &policy.Blocklist{Name: name, File: m.word("file"), KeepLast: m.word("on-missing") == "keep-last", Range: e.key.at()}
		l.lists[name] = b
		l.site.Blocklists = append(l.site.Blocklists, b)
		if file, given := m.get("file"); given {
			l.fillList(b, file)
		}
	}
}

// fillList reads the list. A list that cannot be read matches nothing; whether
// that is an error the site says.
func (l *loader) fillList(b *policy.Blocklist, file value) {
	before := len(l.diags.List)
	b.Addrs = l.addressFile(file)
	if b.Addrs == nil && b.KeepLast && len(l.diags.List) == before+1 && l.diags.List[before].Code == "unreadable" {
		l.diags.List[before].Severity, l.diags.List[before].Code = diag.Warning, "list-missing"
		l.diags.List[before].Fix = "the list that is loaded is kept; on a firewall that has none yet it matches nothing"
	}
	if b.Addrs != nil && len(b.Addrs.Ranges()) == 0 {
		l.diags.Warnf(file.at(), "empty-list", "%s names no address: blocklist.%s matches nothing", b.File, b.Name).Fix = "fill the file, or remove the list"
	}
}

func (l *loader) guarantees() {
	seen := map[string]diag.Range{}
	for _, v := range l.items("guarantees") {
		m, _ := l.mapping(v, guaranteeShape)
		g := &policy.Guarantee{Range: v.at()}
		if n, given := m.get("name"); given {
			g.Name, g.Range = l.uniqueName(n, "guarantee", seen), n.at()
		}
		for _, k := range []policy.GuaranteeKind{policy.Never, policy.Only, policy.Always} {
			if flow, given := m.get(k.String()); given {
				g.Kind = k
				l.flow(g, flow)
			}
		}
		l.site.Guarantees = append(l.site.Guarantees, g)
	}
}

func (l *loader) flow(g *policy.Guarantee, v value) {
	m, _ := l.mapping(v, flowShape)
	g.From, g.To = l.ends(m.list("from")), l.ends(m.list("to"))
	g.Services = l.services.list(m.list("service"))
}
