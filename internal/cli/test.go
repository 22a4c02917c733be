package cli

import (
	"fmt"
	"regexp"

	"glacis/internal/diag"
	"glacis/internal/policytest"
	"glacis/internal/site"

	"github.com/spf13/cobra"
)

func (p *program) testCommand() *cobra.Command {
	var junit, run string
	c := p.withSite(&cobra.Command{
		Use:   "test [SITE]",
		Short: "hold the site against its own packet expectations",
		Long: `Test reads the site's *.test.yaml files, packets and what must become of them,
and asks the site about each. It needs no root and sends nothing. A single file
site.yaml has its tests in site.test.yaml.

  tests:
    - {packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, rule: website}
    - {packet: "tcp 203.0.113.9 -> web1:22", verdict: drop, rule: "(default)"}

Each has a packet and its verdict and, if wanted, the rule that must decide, nat:
{src, dst, port} as the packet must leave, at: DATE to judge as of a day, and a
note. A failed test is exit status 3; a site without tests is a warning.`,
		Example: `  glacis test examples/enterprise
  glacis test . --run 'web1:443' --junit report.xml`,
	}, func(_ *cobra.Command, l *loaded) error { return p.test(l, run, junit) })
	c.Flags().StringVar(&run, "run", "", "only tests whose packet or note matches this regular expression")
	c.Flags().StringVar(&junit, "junit", "", "write the result as JUnit XML to this file, - for stdout")
	c.RegisterFlagCompletionFunc("run", cobra.NoFileCompletions)
	return c
}

// testRun is what came of a site's tests.
type testRun struct {
	*loaded
	results []policytest.Result
	all     int // tests there are, run or not
	failed  int
	warning string // why nothing was run
}

func (p *program) test(l *loaded, run, junit string) error {
	pattern, err := regexp.Compile(run)
	if err != nil {
		return usageError("--run: %w", err)
	}
	r, err := p.runTests(l, pattern)
	if err != nil {
		return err
	}
	if junit != "" {
		if err := p.writeJUnit(r, junit); err != nil {
			return err
		}
	}
	switch {
	case p.json:
		err = p.printJSON(testDocument(r))
	case junit != "-":
		err = p.testText(r)
	}
	switch {
	case err != nil:
		return err
	case r.failed > 0, p.strict && r.warning != "":
		return found()
	}
	return nil
}

func (p *program) runTests(l *loaded, pattern *regexp.Regexp) (*testRun, error) {
	cases, diags, src := site.LoadTests(l.files)
	if !diags.HasErrors() {
		diags = append(diags, policytest.Check(l.Site, cases)...)
	}
	if diags.HasErrors() {
		return nil, p.refuse("the tests", diags, src, l.dir)
	}
	r := &testRun{loaded: l, all: len(cases)}
	var wanted []policytest.Case
	for _, c := range cases {
		if pattern.MatchString(c.Name()) || pattern.MatchString(c.Note) {
			wanted = append(wanted, c)
		}
	}
	switch {
	case len(cases) == 0:
		r.warning = "there are no tests: write packets and their verdicts into a file named packets.test.yaml"
	case len(wanted) == 0:
		r.warning = fmt.Sprintf("no test matches %q", pattern)
	}
	var err error
	if r.results, err = policytest.Run(l.Site, wanted, l.now); err != nil {
		return nil, err
	}
	for _, result := range r.results {
		if !result.Passed() {
			r.failed++
		}
	}
	return r, nil
}

func (p *program) testText(r *testRun) error {
	paint, err := p.painter(p.Stdout)
	if err != nil {
		return err
	}
	for _, result := range r.results {
		if result.Passed() {
			continue
		}
		fmt.Fprintf(p.Stdout, "%s  %s\n", paint(red, "FAIL"), diag.Printable(result.Name()))
		line := func(key, format string, args ...any) {
			fmt.Fprintf(p.Stdout, "      %-9s %s\n", key, fmt.Sprintf(format, args...))
		}
		line("written", "in %s", where(r.loaded, result.Range))
		if result.Note != "" {
			line("note", "%s", diag.Printable(result.Note))
		}
		for _, d := range result.Wrong {
			line(d.What, "expected %s, got %s", d.Want, d.Got)
		}
		line("decided", "by %s: %s", decidedBy(r.loaded, result), result.Decision.Reason)
		fmt.Fprintln(p.Stdout)
	}
	if r.warning != "" {
		fmt.Fprintf(p.Stdout, "%s %s\n", paint(yellow, "warning:"), r.warning)
	}
	fmt.Fprintf(p.Stdout, "%s: %s\n", r.path, r.summary())
	if r.failed > 0 {
		fmt.Fprintf(p.Stdout, "to see the whole way of a packet: glacis explain %s PACKET\n", r.path)
	}
	return nil
}

// decidedBy names the deciding rule with the place where it is written.
func decidedBy(l *loaded, r policytest.Result) string {
	if rule := r.Decision.Rule; rule != nil && rule.Range.File != "" {
		return fmt.Sprintf("%s (%s)", r.Decision.RuleName, where(l, rule.Range))
	}
	return r.Decision.RuleName
}

func (r *testRun) summary() string {
	tests := count(len(r.results), "test")
	if len(r.results) < r.all {
		tests = fmt.Sprintf("%d of %s run", len(r.results), count(r.all, "test"))
	}
	switch {
	case len(r.results) == 0:
		return "nothing was tested"
	case r.failed == 0:
		return tests + ", all as expected"
	}
	return fmt.Sprintf("%s, %d failed", tests, r.failed)
}
