package cli

import (
	"fmt"
	"strings"

	"glacis/internal/analysis"
	"glacis/internal/diag"
	"glacis/internal/policy"

	"github.com/spf13/cobra"
)

func (p *program) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [SITE]",
		Short: "say what is wrong with a site, and what to do about it",
		Long: `Check reads a site and reports everything wrong with it: what cannot be
understood, rules that can match nothing, rules that do what a role forbids
without an exception, exceptions that have expired or soon will, rules that
decide nothing, zones that no firewall keeps apart.

Then it proves, for every packet that begins a connection, what the roles of the
zones promise and what the site guarantees. What is broken comes with a packet
that breaks it and the rule that decides it.

A site with errors is exit status 2, a broken promise 3. Warnings alone are 0,
with --strict 3.`,
		Example: `  glacis check examples/enterprise
  glacis check --json --strict . | jq .summary`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeSite,
		RunE:              func(_ *cobra.Command, args []string) error { return p.check(siteArg(args)) },
	}
}

type checkJSON struct {
	Schema      string           `json:"schema"`
	Diagnostics []diagnosticJSON `json:"diagnostics"`
	Guarantees  []guaranteeJSON  `json:"guarantees"`
	Summary     checkSummary     `json:"summary"`
}

type checkSummary struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Rules    int `json:"rules"`
	Zones    int `json:"zones"`
	Broken   int `json:"broken"` // promises
	Hosts    int `json:"hosts"`
}

func (p *program) check(path string) error {
	l, err := p.load(path)
	if err != nil {
		return err
	}
	var promises []analysis.Promise
	if l.Site != nil {
		promises = analysis.Promises(l.Site, l.now)
		l.diags = append(l.diags, findingDiagnostics(analysis.Findings(l.Site, l.now))...)
		l.diags.Sort()
	}
	if p.json {
		err = p.printJSON(checkDocument(l, promises))
	} else {
		err = p.checkText(l, promises)
	}
	switch {
	case err != nil:
		return err
	case l.Site == nil:
		return &exitError{code: exitUsage}
	case broken(promises) > 0, p.strict && l.diags.Count(diag.Warning) > 0:
		return found()
	}
	return nil
}

func checkDocument(l *loaded, promises []analysis.Promise) checkJSON {
	doc := checkJSON{Schema: "glacis/check/v1", Diagnostics: diagnosticsJSON(l.diags, l.dir), Guarantees: guaranteesJSON(l, promises),
		Summary: checkSummary{Errors: l.diags.Count(diag.Error), Warnings: l.diags.Count(diag.Warning), Broken: broken(promises)}}
	if l.Site != nil {
		doc.Summary.Rules, doc.Summary.Zones, doc.Summary.Hosts = len(l.Rules), len(l.Zones), len(l.Hosts)
	}
	return doc
}

func (p *program) checkText(l *loaded, promises []analysis.Promise) error {
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
	if err := p.promisesText(l, promises); err != nil {
		return err
	}
	for _, n := range analysis.AllNeighbours(l.Site) {
		p.wrapped(fmt.Sprintf("no firewall is between hosts of %s: ", n.Zone.Name), hostNames(n.Hosts))
	}
	fmt.Fprintf(p.Stdout, "\n%s: %s, %s broken; %s, %s, %s, %d NAT entries\n", l.path, summaryLine(l.diags), count(broken(promises), "promise"),
		count(len(l.Zones), "zone"), count(len(l.Hosts), "host"), count(len(l.Rules), "rule"), len(l.NAT))
	return nil
}

func hostNames(hosts []*policy.Host) string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.Name)
	}
	return strings.Join(out, ", ")
}
