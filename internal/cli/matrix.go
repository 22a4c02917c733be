package cli

import (
	"bytes"
	"fmt"

	"glacis/internal/analysis"
	"glacis/internal/policy"
	"glacis/internal/report"

	"github.com/spf13/cobra"
)

func (p *program) matrixCommand() *cobra.Command {
	var svg string
	c := p.withSite(&cobra.Command{
		Use:   "matrix [SITE]",
		Short: "show zone by zone what may pass",
		Long: `Matrix shows for every pair of zones, and for the firewall itself, how many rules
let something pass, and below which services, in the order of the rules. Rules
whose exception has expired are not in force and not shown; --at shows another
day. Zones that share an interface are not kept apart by any firewall.`,
		Example: `  glacis matrix examples/enterprise
  glacis matrix . --svg matrix.svg
  glacis matrix --json . | jq '.pairs[] | select(.to == "dmz")'`,
	}, func(_ *cobra.Command, l *loaded) error { return p.matrix(l, svg) })
	c.Flags().StringVar(&svg, "svg", "", "draw it into this file, - for stdout")
	return c
}

func (p *program) matrix(l *loaded, svg string) error {
	m := analysis.NewMatrix(l.Site, l.now)
	if svg != "" {
		var b bytes.Buffer
		if err := report.MatrixSVG(&b, l.Name, m); err != nil {
			return err
		}
		if err := p.output(svg, b.Bytes()); err != nil || svg == "-" {
			return err
		}
	}
	if p.json {
		return p.printJSON(matrixDocument(l, m))
	}
	if svg != "" {
		_, err := fmt.Fprintf(p.Stdout, "%s: drawn into %s\n", l.path, svg)
		return err
	}
	paint, err := p.painter(p.Stdout)
	if err != nil {
		return err
	}
	t := matrixText{w: p.Stdout, width: p.width(p.Stdout), paint: paint, matrix: m}
	t.write()
	return nil
}

type matrixJSON struct {
	Schema string     `json:"schema"`
	Zones  []string   `json:"zones"` // the sides in order, the firewall last
	Pairs  []pairJSON `json:"pairs"`
}

// pairJSON is what may pass from one side to another. Rules are those that let
// something pass, Stops those that drop or reject; Details says it rule by rule
// in the order they are tried.
type pairJSON struct {
	From      string         `json:"from"`
	To        string         `json:"to"`
	Filtered  bool           `json:"filtered"`
	Interface string         `json:"interface,omitempty"` // shared, so that nothing is filtered
	Services  []string       `json:"services"`
	Rules     []string       `json:"rules"`
	Stops     []string       `json:"stops,omitempty"`
	Details   []pairRuleJSON `json:"details,omitempty"`
}

type pairRuleJSON struct {
	Rule     string   `json:"rule"`
	Action   string   `json:"action"`
	Services []string `json:"services"`
	Expires  string   `json:"expires,omitempty"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
}

func matrixDocument(l *loaded, m analysis.Matrix) matrixJSON {
	doc := matrixJSON{Schema: "glacis/matrix/v1", Pairs: []pairJSON{}}
	for _, z := range m.Sides {
		doc.Zones = append(doc.Zones, policy.ZoneName(z))
	}
	for _, pair := range m.Pairs {
		j := pairJSON{From: policy.ZoneName(pair.From), To: policy.ZoneName(pair.To), Filtered: pair.Filtered(),
			Services: append([]string{}, pair.Services()...), Rules: append([]string{}, pairRuleNames(pair.Allows())...), Stops: pairRuleNames(pair.Stops())}
		if !pair.Filtered() {
			j.Interface = pair.Shared.Name
		}
		for _, r := range pair.Rules {
			j.Details = append(j.Details, pairRule(l, r))
		}
		doc.Pairs = append(doc.Pairs, j)
	}
	return doc
}

func pairRule(l *loaded, r analysis.PairRule) pairRuleJSON {
	j := pairRuleJSON{Rule: r.Name, Action: r.Action.String()}
	j.File, j.Line = place(l, r.Range)
	for _, s := range r.Services {
		j.Services = append(j.Services, s.Name)
	}
	if r.Exception != nil {
		j.Expires = r.Exception.LastDay()
	}
	return j
}

func pairRuleNames(rules []analysis.PairRule) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.Name)
	}
	return out
}
