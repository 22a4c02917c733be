package site

import (
	"fmt"
	"sort"
	"strings"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

// serviceResolver looks up services by name or reads them as written in place.
type serviceResolver struct {
	d       *decoder
	defined map[string]entry
	done    map[string]*policy.Service
	busy    map[string]bool

	resolved int
}

func newServices(d *decoder, defined map[string]entry) *serviceResolver {
	return &serviceResolver{d: d, defined: defined, done: map[string]*policy.Service{}, busy: map[string]bool{}}
}

// list resolves a list of services.
func (r *serviceResolver) list(items []value) []*policy.Service {
	var out []*policy.Service
	for _, item := range items {
		if s := r.one(item); s != nil {
			out = append(out, s)
		}
	}
	return out
}

func (r *serviceResolver) one(v value) *policy.Service {
	name := v.Value
	if e, ok := r.defined[name]; ok {
		return r.define(e, v)
	}
	if s := Builtins()[name]; s != nil {
		return s
	}
	m, err := parseMatch(name)
	if err == nil {
		return &policy.Service{Name: m.String(), Matches: []policy.Match{m}, Range: v.at()}
	}
	if strings.ContainsAny(name, "/ ") {
		r.d.diags.Errorf(v.at(), "bad-service", "%q is not a service: %v", name, err).Fix = "write it like tcp/5080, udp/16384-32767, icmp/8, gre or tcp/80 from 1024-65535"
		return nil
	}
	known := BuiltinNames()
	for n := range r.defined {
		known = append(known, n)
	}
	sort.Strings(known)
	r.d.unknown(v.at(), "unknown-service", fmt.Sprintf("there is no service %q", name), name, known)
	if last := r.d.diags.List[len(r.d.diags.List)-1]; !strings.HasPrefix(last.Fix, "did you mean") {
		r.d.fix("define it under services:, or write it as protocol/port, such as tcp/5080")
	}
	return nil
}

// matches joins what services mean, each match once.
func (r *serviceResolver) matches(items []value) []policy.Match {
	var out []policy.Match
	seen := map[string]bool{}
	for _, item := range items {
		s := r.one(item)
		if s == nil {
			continue
		}
		for _, m := range s.Matches {
			if key := m.String(); !seen[key] && r.affordable(item) {
				seen[key] = true
				out = append(out, m)
			}
		}
	}
	return out
}

func (r *serviceResolver) affordable(v value) bool {
	if r.resolved++; r.resolved == maxResolved+1 {
		r.d.diags.Errorf(v.at(), "too-large", "the services of the site stand for more than %d protocols and ports in all", maxResolved).Fix = "write port ranges in place of long lists"
	}
	return r.resolved <= maxResolved
}

// define resolves one of the site's own services, once.
func (r *serviceResolver) define(e entry, use value) *policy.Service {
	name := e.key.Value
	if s, ok := r.done[name]; ok {
		return s
	}
	if r.busy[name] {
		d := r.d.diags.Errorf(use.at(), "service-cycle", "service %q is made of itself", name)
		d.Related = []diag.Related{{Message: "defined here", Range: e.key.at()}}
		d.Fix = "remove one of the services from the other"
		return nil
	}
	if len(r.busy) == maxNesting {
		r.d.diags.Errorf(use.at(), "nested-too-deep", "services are nested deeper than %d", maxNesting).Fix = "name the protocols and ports themselves"
		return nil
	}
	r.busy[name] = true
	s := &policy.Service{Name: name, Source: "this site", Range: e.key.at(), Matches: r.matches(e.value.items())}
	delete(r.busy, name)
	r.done[name] = s
	return s
}
