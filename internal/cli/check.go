package cli

import (
	"fmt"

	"glacis/internal/diag"

	"github.com/spf13/cobra"
)

func (p *program) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [SITE]",
		Short: "say what is wrong with a site, and what to do about it",
		Long: `Check reads a site and reports everything wrong with it: what cannot be
understood, rules that can match nothing, rules that do what a role forbids
without an exception, exceptions that have expired or soon will, zones that no
firewall keeps apart.

A site with errors is exit status 2. Warnings alone are 0, with --strict 3.`,
		Example: `  glacis check examples/enterprise
  glacis check --json --strict . | jq .summary`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return p.check(siteArg(args)) },
	}
}

type checkJSON struct {
	Schema      string           `json:"schema"`
	Diagnostics []diagnosticJSON `json:"diagnostics"`
	Guarantees  []guaranteeJSON  `json:"guarantees"`
	Summary     checkSummary     `json:"summary"`
}

// guaranteeJSON is one promise. Status unknown: written, and not yet proven.
type guaranteeJSON struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Status string `json:"status"`
}

type checkSummary struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Rules    int `json:"rules"`
	Zones    int `json:"zones"`
	Hosts    int `json:"hosts"`
}

func (p *program) check(path string) error {
	l, err := p.load(path)
	if err != nil {
		return err
	}
	doc := checkJSON{Schema: "glacis/check/v1", Diagnostics: diagnosticsJSON(l.diags, l.dir), Guarantees: []guaranteeJSON{},
		Summary: checkSummary{Errors: l.diags.Count(diag.Error), Warnings: l.diags.Count(diag.Warning)}}
	if l.Site != nil {
		doc.Summary.Rules, doc.Summary.Zones, doc.Summary.Hosts = len(l.Rules), len(l.Zones), len(l.Hosts)
		for _, g := range l.Guarantees {
			doc.Guarantees = append(doc.Guarantees, guaranteeJSON{g.Name, "site", "unknown"})
		}
	}
	if p.json {
		err = p.printJSON(doc)
	} else {
		err = p.checkText(l)
	}
	switch {
	case err != nil:
		return err
	case l.Site == nil:
		return &exitError{code: exitUsage}
	case p.strict && doc.Summary.Warnings > 0:
		return found()
	}
	return nil
}

func (p *program) checkText(l *loaded) error {
	if err := p.renderDiagnostics(p.Stdout, l.diags, l.src, l.dir); err != nil {
		return err
	}
	if len(l.diags) > 0 {
		fmt.Fprintln(p.Stdout)
	}
	if l.Site == nil {
		fmt.Fprintf(p.Stdout, "%s: %s\n", l.path, summaryLine(l.diags))
		return nil
	}
	fmt.Fprintf(p.Stdout, "%s: %s; %d zones, %d hosts, %d rules, %d NAT entries\n",
		l.path, summaryLine(l.diags), len(l.Zones), len(l.Hosts), len(l.Rules), len(l.NAT))
	if n := len(l.Guarantees); n > 0 {
		fmt.Fprintf(p.Stdout, "%d guarantees are written and resolved; this version does not prove them\n", n)
	}
	return nil
}
