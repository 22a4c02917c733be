package cli

import (
	"fmt"
	"slices"
	"strings"

	"glacis/internal/analysis"
	"glacis/internal/diag"
	"glacis/internal/policy"
)

// guaranteeJSON is one promise, of a role or written by the site.
type guaranteeJSON struct {
	Name           string       `json:"name"`
	Kind           string       `json:"kind"`   // role or site
	Status         string       `json:"status"` // holds, holds-with-exceptions, broken, not-filtered, unproven
	Text           string       `json:"text"`
	Threat         string       `json:"threat,omitempty"`
	Exceptions     []string     `json:"exceptions,omitempty"`     // rules
	Unfiltered     []string     `json:"unfiltered,omitempty"`     // pairs of zones that no firewall is between
	Assumes        []string     `json:"assumes,omitempty"`        // what must be so besides
	Counterexample *exampleJSON `json:"counterexample,omitempty"` // a packet for glacis explain
	File           string       `json:"file"`
	Line           int          `json:"line"`
}

type exampleJSON struct {
	Packet string `json:"packet"`
	Rule   string `json:"rule"`
}

func guaranteesJSON(l *loaded, promises []analysis.Promise) []guaranteeJSON {
	out := []guaranteeJSON{}
	for _, p := range promises {
		j := guaranteeJSON{Name: p.Name, Kind: p.Kind, Status: string(p.Holding), Text: p.Text, Threat: p.Threat,
			Exceptions: ruleNames(p.Exceptions), Unfiltered: p.Unfiltered, Assumes: p.Assumes}
		j.File, j.Line = place(l, p.Range)
		if p.Example != nil {
			j.Counterexample = &exampleJSON{p.Example.Packet.String(), ruleOrDefault(p.Example.Rule)}
		}
		out = append(out, j)
	}
	return out
}

func ruleNames(rules []*policy.Rule) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.Name)
	}
	return out
}

func ruleOrDefault(r *policy.Rule) string {
	if r == nil {
		return policy.ByDefault
	}
	return r.Name
}

// broken counts the promises that do not hold, or may not.
func broken(promises []analysis.Promise) int {
	n := 0
	for _, p := range promises {
		if p.Holding == analysis.Broken || p.Holding == analysis.Unproven {
			n++
		}
	}
	return n
}

// promisesText says for each threat how its promises fare, then what the site
// guarantees, and in full what is broken.
func (p *program) promisesText(l *loaded, promises []analysis.Promise) error {
	paint, err := p.painter(p.Stdout)
	if err != nil {
		return err
	}
	words := map[analysis.Holding]string{analysis.Holds: paint(green, "holds     "), analysis.HoldsWithExceptions: paint(green, "holds but "),
		analysis.NotFiltered: paint(yellow, "unfiltered"), analysis.Broken: paint(red, "BROKEN    "), analysis.Unproven: paint(yellow, "UNPROVEN  ")}
	fmt.Fprintln(p.Stdout, "what the zones' roles promise against, for every packet:")
	for _, t := range threats(promises) {
		fmt.Fprintf(p.Stdout, "  %s %s\n", words[t.holding], t.threat)
		p.wrapped("             except by ", strings.Join(ruleNames(t.exceptions), ", "))
	}
	if slices.ContainsFunc(promises, func(pr analysis.Promise) bool { return pr.Kind == "site" }) {
		fmt.Fprintln(p.Stdout, "what the site guarantees on top:")
	}
	for _, pr := range promises {
		if pr.Kind == "site" {
			fmt.Fprintf(p.Stdout, "  %s %s: %s\n", words[pr.Holding], pr.Name, pr.Text)
			p.wrapped("             no firewall is between ", strings.Join(pr.Unfiltered, ", "))
			p.wrapped("             as long as ", strings.Join(pr.Assumes, ", "))
		}
	}
	for _, pr := range promises {
		if pr.Holding == analysis.Broken {
			p.brokenText(l, pr, paint)
		}
	}
	return nil
}

func (p *program) brokenText(l *loaded, pr analysis.Promise, paint func(color, text string) string) {
	d := l.Decide(pr.Example.Packet, l.now)
	fmt.Fprintf(p.Stdout, "\n%s %s (%s)\n", paint(red, "BROKEN"), pr.Text, where(l, pr.Range))
	fmt.Fprintf(p.Stdout, "  packet   %s\n", pr.Example.Packet)
	by := ruleOrDefault(pr.Example.Rule)
	if r := pr.Example.Rule; r != nil && r.Range.File != "" {
		by = fmt.Sprintf("%s (%s)", r.Name, where(l, r.Range))
	}
	fmt.Fprintf(p.Stdout, "  fate     %s, by %s\n", d.Verdict, by)
	fmt.Fprintf(p.Stdout, "  see      glacis explain %s %q\n", l.path, pr.Example.Packet)
}

// wrapped writes a list after its words, broken to the terminal's width; nothing
// if there is none.
func (p *program) wrapped(head, list string) {
	if list == "" {
		return
	}
	indent := strings.Repeat(" ", len(head))
	line := head
	for k, word := range strings.Split(list, ", ") {
		if k > 0 {
			line += ","
		}
		if len(line)+1+len(word) > p.width(p.Stdout) && strings.TrimSpace(line) != strings.TrimSpace(head) {
			fmt.Fprintln(p.Stdout, line)
			line = indent
		} else if k > 0 {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(p.Stdout, line)
}

// threat is how the promises against one threat fare together.
type threat struct {
	threat     string
	holding    analysis.Holding
	exceptions []*policy.Rule
}

func threats(promises []analysis.Promise) []threat {
	var out []threat
	for _, p := range promises {
		if p.Threat == "" {
			continue
		}
		k := slices.IndexFunc(out, func(t threat) bool { return t.threat == p.Threat })
		if k < 0 {
			k = len(out)
			out = append(out, threat{threat: p.Threat, holding: analysis.Holds})
		}
		t := &out[k]
		if p.Holding == analysis.Broken || p.Holding == analysis.Unproven || t.holding == analysis.Holds {
			t.holding = p.Holding
		}
		for _, r := range p.Exceptions {
			if !slices.Contains(t.exceptions, r) {
				t.exceptions = append(t.exceptions, r)
			}
		}
	}
	return out
}

// findingDiagnostics says as diagnostics which rules decide nothing.
func findingDiagnostics(findings []analysis.Finding) diag.List {
	var out diag.List
	for _, f := range findings {
		by := "nothing"
		if len(f.By) > 0 {
			by = strings.Join(ruleNames(f.By), ", ")
		}
		var d *diag.Diagnostic
		switch f.Status {
		case analysis.Unreachable:
			d = out.Warnf(f.Rule.Range, "unreachable", "rule %s decides nothing: rules before it (%s) match all of its packets first", f.Rule.Name, by)
			d.Fix = "remove it, or move it before them if it is meant to decide"
			if f.Conflict {
				d.Code, d.Fix = "unreachable-conflict", "they decide otherwise: move the rule before them if it is meant, or remove it"
			}
		case analysis.Redundant:
			d = out.Infof(f.Rule.Range, "redundant", "without rule %s every packet would fare the same: %s", f.Rule.Name, orDefault(f.By, by))
			d.Fix = "remove it, unless it is there for its counter or its log"
		default:
			d = out.Warnf(f.Rule.Range, "undecided", "whether rule %s decides anything took too many steps to find out", f.Rule.Name)
			d.Fix = "it may be that it decides nothing: look at the rules before it"
		}
		d.Rule = f.Rule.Name
		for _, r := range f.By {
			d.Related = append(d.Related, diag.Related{Message: r.Name, Range: r.Range})
		}
	}
	return out
}

func orDefault(by []*policy.Rule, names string) string {
	if len(by) == 0 {
		return "what it drops is dropped anyway"
	}
	return "later rules (" + names + ") decide alike"
}
