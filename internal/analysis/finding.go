package analysis

import (
	"slices"
	"time"

	"glacis/internal/policy"
)

// Finding says of one rule of a site that it decides nothing, or nothing that
// would not be so without it.
type Finding struct {
	Rule   *policy.Rule
	Status Status // Unreachable, Redundant or Undecided
	// By are the rules that decide in its place; none: the default does.
	By []*policy.Rule
	// Conflict: one of the rules that make it unreachable decides otherwise.
	Conflict bool
}

// Findings judges every rule that is in force over all traffic of the site: a
// rule is unreachable if it is between every two zones, redundant if it is
// without effect there.
func Findings(site *policy.Site, now time.Time) []Finding {
	all := map[*policy.Rule]*Finding{}
	effective := map[*policy.Rule]bool{}
	for _, t := range AllTraffic(site, now) {
		for k, v := range t.List.Judge() {
			r := t.Rules[k]
			switch {
			case effective[r]:
			case v.Status == Effective:
				effective[r] = true
			default:
				if all[r] == nil {
					all[r] = &Finding{Rule: r}
				}
				all[r].take(v, t.Rules)
			}
		}
	}
	var out []Finding
	for _, r := range site.Rules {
		if f := all[r]; f != nil && !effective[r] && !f.replacedByDead(all) {
			out = append(out, *f)
		}
	}
	return out
}

// replacedByDead reports whether a rule would be missed only because another
// stands behind it that it makes unreachable: of the two the other can go.
func (f *Finding) replacedByDead(all map[*policy.Rule]*Finding) bool {
	return f.Status == Redundant && slices.ContainsFunc(f.By, func(by *policy.Rule) bool {
		other := all[by]
		return other != nil && other.Status == Unreachable && slices.Contains(other.By, f.Rule)
	})
}

// take adds what is true of the rule between two more zones. Undecided anywhere
// is undecided, reached anywhere is not unreachable.
func (f *Finding) take(v Verdict, rules []*policy.Rule) {
	if f.Status == Effective {
		f.Status = v.Status
	}
	switch {
	case v.Status == Undecided || f.Status == Undecided:
		f.Status = Undecided
	case v.Status == Redundant:
		f.Status = Redundant
	}
	for _, k := range v.By {
		if !slices.Contains(f.By, rules[k]) {
			f.By = append(f.By, rules[k])
		}
	}
	f.Conflict = f.Status == Unreachable && (f.Conflict || v.Conflict)
}
