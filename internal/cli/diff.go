package cli

import (
	"fmt"
	"slices"
	"strings"

	"glacis/internal/analysis"
	"glacis/internal/netset"
	"glacis/internal/policy"

	"github.com/spf13/cobra"
)

func (p *program) diffCommand() *cobra.Command {
	var failOn string
	var markdown bool
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "say which packets fare otherwise in another version of the site",
		Long: `Diff compares what two versions of a site mean, not how they are written: it
lists every packet that begins a connection and whose verdict differs, grouped
and merged, first what passes and did not, with an example each for explain.
Addresses are real ones: before source NAT and after destination NAT.

Status 3 means that something changed; with --fail-on widened only that
something passes that did not.`,
		Example: `  glacis diff examples/enterprise ../change/enterprise
  glacis diff old new --markdown --fail-on widened`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeSite,
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains([]string{"any", "widened", "none"}, failOn) {
				return usageError("--fail-on is any, widened or none, not %q", failOn)
			}
			old, err := p.mustLoad(args[0])
			if err != nil {
				return err
			}
			is, err := p.mustLoad(args[1])
			if err != nil {
				return err
			}
			return p.diff(old, is, failOn, markdown)
		},
	}
	c.Flags().StringVar(&failOn, "fail-on", "any", "what is exit status 3: any, widened or none")
	c.Flags().BoolVar(&markdown, "markdown", false, "write a table for a pull-request comment")
	c.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"any", "widened", "none"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

type diffJSON struct {
	Schema   string       `json:"schema"`
	Equal    bool         `json:"equal"`
	Complete bool         `json:"complete"` // false: there are more changes than are listed
	Changes  []changeJSON `json:"changes"`
}

type changeJSON struct {
	FromVerdict string      `json:"from_verdict"`
	ToVerdict   string      `json:"to_verdict"`
	FromZone    string      `json:"from_zone"`
	ToZone      string      `json:"to_zone"`
	Packets     packetsJSON `json:"packets"`
	Example     string      `json:"example"`
	OldRule     string      `json:"old_rule"`
	NewRule     string      `json:"new_rule"`
}

type packetsJSON struct {
	Family  string   `json:"family"` // ipv4 or ipv6
	Src     []string `json:"src"`
	Dst     []string `json:"dst"`
	Service []string `json:"service"`
}

func (p *program) diff(old, is *loaded, failOn string, markdown bool) error {
	changes, complete := analysis.Diff(old.Site, is.Site, is.now)
	var err error
	switch {
	case p.json:
		err = p.printJSON(diffDocument(is, changes, complete))
	case markdown:
		p.diffMarkdown(is, changes)
	default:
		err = p.diffText(old, is, changes)
	}
	if err == nil && !complete && !p.json {
		fmt.Fprintln(p.Stdout, "there are more changes than are listed")
	}
	switch {
	case err != nil:
		return err
	case failOn == "any" && len(changes) > 0, failOn == "widened" && slices.ContainsFunc(changes, analysis.Change.Widened):
		return found()
	}
	return nil
}

func diffDocument(is *loaded, changes []analysis.Change, complete bool) diffJSON {
	doc := diffJSON{Schema: "glacis/diff/v1", Equal: len(changes) == 0 && complete, Complete: complete, Changes: []changeJSON{}}
	w := analysis.Words{Site: is.Site}
	for _, c := range changes {
		doc.Changes = append(doc.Changes, changeJSON{string(c.Was), string(c.Is), c.From, c.To,
			packetsJSON{familyName(c), w.Addresses(c, netset.Src), w.Addresses(c, netset.Dst), w.Services(c)},
			c.Example.String(), ruleOrDefault(c.OldRule), ruleOrDefault(c.NewRule)})
	}
	return doc
}

func familyName(c analysis.Change) string {
	if c.Universe.Is4 {
		return "ipv4"
	}
	return "ipv6"
}

func (p *program) diffText(old, is *loaded, changes []analysis.Change) error {
	paint, err := p.painter(p.Stdout)
	if err != nil {
		return err
	}
	w := analysis.Words{Site: is.Site}
	for _, c := range changes {
		color, word := yellow, "narrowed"
		if c.Widened() {
			color, word = red, "WIDENED"
		} else if c.Was != policy.Allowed {
			word = "changed"
		}
		fmt.Fprintf(p.Stdout, "%s %s to %s: %s, was %s\n", paint(color, word), orUnknown(c.From), orUnknown(c.To), c.Is, c.Was)
		line := func(key, text string) { fmt.Fprintf(p.Stdout, "  %-9s %s\n", key, text) }
		line("service", analysis.Short(w.Services(c))+" ("+familyName(c)+")")
		line("from", analysis.Short(w.Addresses(c, netset.Src)))
		line("to", analysis.Short(w.Addresses(c, netset.Dst)))
		line("example", c.Example.String())
		line("rule", fmt.Sprintf("%s, was %s", ruleWhere(is, c.NewRule), ruleWhere(old, c.OldRule)))
		fmt.Fprintln(p.Stdout)
	}
	widened := 0
	for _, c := range changes {
		if c.Widened() {
			widened++
		}
	}
	if len(changes) == 0 {
		fmt.Fprintf(p.Stdout, "%s and %s mean the same for every packet\n", old.path, is.path)
		return nil
	}
	fmt.Fprintf(p.Stdout, "%s, %d of them widen what may pass\n", count(len(changes), "change"), widened)
	return nil
}

// ruleWhere names a rule with the place where it is written.
func ruleWhere(l *loaded, r *policy.Rule) string {
	if r == nil || r.Range.File == "" {
		return ruleOrDefault(r)
	}
	return fmt.Sprintf("%s (%s)", r.Name, where(l, r.Range))
}

func (p *program) diffMarkdown(is *loaded, changes []analysis.Change) {
	if len(changes) == 0 {
		fmt.Fprintln(p.Stdout, "No packet fares otherwise.")
		return
	}
	w := analysis.Words{Site: is.Site}
	cell := func(words []string) string { return strings.ReplaceAll(analysis.Short(words), "|", "\\|") }
	fmt.Fprintln(p.Stdout, "| change | zones | service | from | to | example | rule |\n| --- | --- | --- | --- | --- | --- | --- |")
	for _, c := range changes {
		word := fmt.Sprintf("%s → %s", c.Was, c.Is)
		if c.Widened() {
			word = "**" + word + "**"
		}
		fmt.Fprintf(p.Stdout, "| %s | %s → %s | %s | %s | %s | `%s` | %s |\n", word, c.From, c.To, cell(w.Services(c)),
			cell(w.Addresses(c, netset.Src)), cell(w.Addresses(c, netset.Dst)), c.Example, ruleOrDefault(c.NewRule))
	}
}
