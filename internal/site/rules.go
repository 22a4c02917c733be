package site

import (
	"fmt"
	"sort"
	"strings"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

func (l *loader) rules() {
	seen := map[string]diag.Range{}
	for _, v := range l.items("rules") {
		m, ok := l.mapping(v, ruleShape)
		r := &policy.Rule{Range: v.at()}
		if n, given := m.get("name"); given {
			r.Name = l.uniqueName(n, "a rule", seen)
			r.Range = n.at()
		}
		if !ok {
			continue
		}
		l.action(r, m)
		from, _ := m.get("from")
		to, _ := m.get("to")
		r.From, r.To = l.ends(from), l.ends(to)
		because, _ := m.get("because")
		owner, _ := m.get("owner")
		r.Because, r.Owner = l.prose(because, "because"), l.prose(owner, "owner")
		l.options(r, m)
		if r.Name != "" && len(r.Services) > 0 && len(r.From) > 0 && len(r.To) > 0 {
			l.site.Rules = append(l.site.Rules, r)
		}
	}
}

// uniqueName checks the name of a rule, a NAT entry or a guarantee.
func (l *loader) uniqueName(v value, what string, seen map[string]diag.Range) string {
	name, ok := l.name(v, what, maxRuleName)
	if !ok {
		return ""
	}
	if first, twice := seen[name]; twice {
		l.diags.Errorf(v.at(), "duplicate-name", "%s %q is defined twice", strings.TrimPrefix(what, "a "), name).Related = []diag.Related{{Message: "first here", Range: first}}
		return ""
	}
	seen[name] = v.at()
	return name
}

// prose checks a text meant for people: something, on one line, not too long.
func (l *loader) prose(v value, key string) string {
	s := strings.TrimSpace(v.Value)
	if s == "" {
		l.diags.Errorf(v.at(), "empty-text", "%q says nothing", key).Fix = "say it in a few words: others will ask"
	}
	return s
}

func (l *loader) action(r *policy.Rule, m mapping) {
	var given []string
	for _, a := range []policy.Action{policy.Allow, policy.Drop, policy.Reject} {
		if v, ok := m.get(a.String()); ok {
			given = append(given, a.String())
			r.Action = a
			r.Services = l.services.list(v)
		}
	}
	if len(given) != 1 {
		d := l.diags.Errorf(r.Range, "one-action", "a rule has exactly one of allow, drop and reject")
		d.Rule = r.Name
		d.Fix = "add one"
		if len(given) > 1 {
			d.Fix = "split it into one rule for each of " + strings.Join(given, ", ")
		}
		r.Services = nil
	}
}

func (l *loader) options(r *policy.Rule, m mapping) {
	if v, ok := m.get("log"); ok {
		r.Log = v.Value == "true"
		if r.Action != policy.Allow {
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
	m, ok := l.mapping(v, limitShape)
	if !ok {
		return
	}
	if r.Action != policy.Allow {
		l.diags.Errorf(v.at(), "limit-drop", "a limit is for allow rules: over it, connections are dropped").Fix = "put the limit on the rule that allows them"
	}
	rate, _ := m.get("new")
	n, _ := l.rate(rate)
	per, _ := m.get("per")
	r.Limit = &policy.Limit{Rate: policy.Rate{PerSecond: n, Burst: l.burst(m)}, PerSource: per.Node != nil && per.Value == "source"}
}

func (l *loader) when(r *policy.Rule, v value) {
	m, ok := l.mapping(v, whenShape)
	if !ok {
		return
	}
	if len(m.fields) == 0 {
		l.diags.Errorf(v.at(), "empty-condition", "a condition with nothing in it").Fix = "name a source or destination list, or remove when"
	}
	for key, into := range map[string]**policy.Blocklist{"source": &r.When.Source, "destination": &r.When.Destination} {
		ref, given := m.get(key)
		if !given {
			continue
		}
		name, isList := strings.CutPrefix(ref.Value, "blocklist.")
		if *into = l.lists[name]; isList && *into != nil {
			continue
		}
		var known []string
		for n := range l.lists {
			known = append(known, "blocklist."+n)
		}
		sort.Strings(known)
		l.unknown(ref.at(), "unknown-list", fmt.Sprintf("there is no list %q", ref.Value), ref.Value, known)
		if last := &l.diags[len(l.diags)-1]; last.Fix == "" {
			last.Fix = "define it under blocklists: and write blocklist.NAME"
		}
	}
}

func (l *loader) exception(r *policy.Rule, v value) {
	m, ok := l.mapping(v, exceptionShape)
	if !ok {
		return
	}
	ticket, _ := m.get("ticket")
	by, _ := m.get("approved-by")
	expires, _ := m.get("expires")
	last, ok := l.date(expires)
	if !ok {
		return
	}
	r.Exception = &policy.Exception{
		Ticket: l.prose(ticket, "ticket"), ApprovedBy: l.prose(by, "approved-by"),
		Expires: last.AddDate(0, 0, 1), Range: v.at(),
	}
}

func (l *loader) blocklists() {
	for _, e := range l.ordered("blocklists") {
		name, named := l.name(e.key, "a block list", maxName)
		m, ok := l.mapping(e.value, blocklistShape)
		if !named || !ok {
			continue
		}
		b := &policy.Blocklist{Name: name, Range: e.key.at()}
		file, _ := m.get("file")
		b.File = file.Value
		if v, given := m.get("on-missing"); given {
			b.KeepLast = v.Value == "keep-last"
		}
		l.lists[name] = b
		l.site.Blocklists = append(l.site.Blocklists, b)
		l.fillList(b, file)
	}
}

// fillList reads the list. A list that cannot be read matches nothing; whether
// that is an error the site says.
func (l *loader) fillList(b *policy.Blocklist, file value) {
	before := len(l.diags)
	b.Addrs = l.addressFile(file)
	if b.Addrs == nil && b.KeepLast && len(l.diags) == before+1 && l.diags[before].Code == "unreadable" {
		l.diags[before].Severity, l.diags[before].Code = diag.Warning, "list-missing"
		l.diags[before].Fix = "the list that is loaded is kept; on a firewall that has none yet it matches nothing"
	}
	if b.Addrs != nil && len(b.Addrs.Ranges()) == 0 {
		l.diags.Warnf(file.at(), "empty-list", "%s names no address: blocklist.%s matches nothing", b.File, b.Name).Fix = "fill the file, or remove the list"
	}
}

func (l *loader) guarantees() {
	seen := map[string]diag.Range{}
	for _, v := range l.items("guarantees") {
		m, ok := l.mapping(v, guaranteeShape)
		if !ok {
			continue
		}
		name, _ := m.get("name")
		g := &policy.Guarantee{Name: l.uniqueName(name, "a guarantee", seen), Range: name.at()}
		n := 0
		for _, k := range []policy.GuaranteeKind{policy.Never, policy.Only, policy.Always} {
			flow, given := m.get(k.String())
			if !given {
				continue
			}
			n++
			g.Kind = k
			l.flow(g, flow)
		}
		if n != 1 {
			l.diags.Errorf(v.at(), "one-guarantee", "a guarantee has exactly one of never, only and always").Fix = "split it, or add one"
			continue
		}
		l.site.Guarantees = append(l.site.Guarantees, g)
	}
}

func (l *loader) flow(g *policy.Guarantee, v value) {
	m, ok := l.mapping(v, flowShape)
	if !ok {
		return
	}
	from, _ := m.get("from")
	to, _ := m.get("to")
	g.From, g.To = l.ends(from), l.ends(to)
	if s, given := m.get("service"); given {
		g.Services = l.services.list(s)
	}
}
