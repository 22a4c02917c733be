package nft

import "fmt"

// settle makes what was read hold together: a set that its own description does
// not fit, and a statement that refers to nothing or to a set of another kind,
// are not understood. What is left can be evaluated without surprises.
func (r *Ruleset) settle() {
	for _, t := range r.Tables {
		v := validator{table: t, counters: map[string]bool{}, sets: map[string]*Set{}, chains: map[string]*Chain{}}
		for _, c := range t.Counters {
			v.counters[c.Name] = true
		}
		for _, c := range t.Chains {
			v.chains[c.Name] = c
		}
		for _, s := range t.Sets {
			v.sets[s.Name] = s
		}
		for _, s := range t.Sets {
			if err := v.set(s); err != nil && s.Unknown == "" {
				s.Unknown = err.Error()
			}
		}
		for _, c := range t.Chains {
			v.settleRules(c)
		}
	}
}

// markDynamic finds the sets that packets fill: nft 1.0.6 does not list the flag.
func (r *Ruleset) markDynamic() {
	for _, t := range r.Tables {
		for _, c := range t.Chains {
			for _, rule := range c.Rules {
				for _, s := range rule.Stmts {
					if u, ok := s.(Update); ok && t.setNamed(u.Set) != nil {
						t.setNamed(u.Set).Dynamic = true
					}
				}
			}
		}
	}
}

func (v *validator) settleRules(c *Chain) {
	for _, r := range c.Rules {
		for k, s := range r.Stmts {
			if _, unknown := s.(Unknown); unknown {
				continue
			}
			if err := v.stmt(s); err != nil {
				r.Stmts[k] = Unknown{Text: fmt.Sprintf("%v: %s", err, stmtText(s))}
			}
		}
	}
}
