package site

import (
	"glacis/internal/diag"
	"glacis/internal/policy"
)

// group is a named list whose members are resolved on first use: networks mean
// something only once every zone is known.
type group struct {
	name    string
	at      diag.Range
	members []value
	ends    []policy.Endpoint
	done    bool
	busy    bool
}

func (l *loader) groupNames() {
	for _, e := range l.ordered("groups") {
		g := &group{at: e.key.at()}
		name, ok := l.claim(e.key, namedThing{group: g})
		if !ok {
			continue
		}
		g.name = name
		l.groups[name] = g
		if l.scalars(e.value, name) {
			g.members = e.value.items()
		}
	}
}

// checkGroups resolves every group, used or not.
func (l *loader) checkGroups() {
	for _, e := range l.ordered("groups") {
		if g := l.groups[e.key.Value]; g != nil {
			l.groupEnds(g, e.key)
		}
	}
}

func (l *loader) groupEnds(g *group, use value) []policy.Endpoint {
	if g.done {
		return g.ends
	}
	if g.busy {
		d := l.diags.Errorf(use.at(), "group-cycle", "group %q contains itself", g.name)
		d.Related = []diag.Related{{Message: "defined here", Range: g.at}}
		d.Fix = "remove one of the groups from the other"
		return nil
	}
	if l.nesting++; l.nesting > maxNesting {
		l.diags.Errorf(use.at(), "nested-too-deep", "groups are nested deeper than %d", maxNesting).Fix = "name the members themselves"
	} else {
		g.busy = true
		g.ends = l.members(g)
		g.busy, g.done = false, true
	}
	l.nesting--
	return g.ends
}

// members resolves what a group holds, each once.
func (l *loader) members(g *group) []policy.Endpoint {
	type member struct {
		zone *policy.Zone
		text string
	}
	var out []policy.Endpoint
	seen := map[member]bool{}
	for _, m := range g.members {
		if m.Value == "firewall" {
			l.diags.Errorf(m.at(), "group-firewall", "the firewall itself cannot be in a group").Fix = "name firewall in the rule"
			continue
		}
		for _, e := range l.end(m) {
			if key := (member{e.Zone, e.Text}); !seen[key] && l.affordable(m) {
				seen[key] = true
				out = append(out, e)
			}
		}
	}
	return out
}

// affordable counts what names stand for in all: a few lines of groups inside
// groups could mean more than memory holds.
func (l *loader) affordable(v value) bool {
	if l.resolved++; l.resolved == maxResolved+1 {
		l.diags.Errorf(v.at(), "too-large", "the names of the site stand for more than %d hosts and networks in all", maxResolved).Fix = "write networks in place of long lists of hosts"
	}
	return l.resolved <= maxResolved
}
