package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"glacis/internal/lab"
	"glacis/internal/probe"

	"github.com/spf13/cobra"
)

func (p *program) labTestCommand() *cobra.Command {
	var fault string
	c := p.withSite(&cobra.Command{
		Use:   "test [SITE]",
		Short: "send real packets of every class and hold them against two predictions",
		Long: `Lab test builds the site in namespaces and sends a real packet of every class
that its policy distinguishes: the boundaries of every address, port, protocol
and type, spoofed sources, packets out of state, through NAT. For each it
compares what the kernel does with what the site means (the model) and with what
the ruleset read back from the kernel says (the evaluator). Then every machine
opens connections to every service through real sockets.

All three must agree: anything else is exit status 3.`,
		Example: `  sudo glacis lab test examples/enterprise
  sudo glacis lab test . --json | jq .disagree
  sudo glacis lab test . --fault management-open    # must end with 3`,
	}, func(cmd *cobra.Command, l *loaded) error { return p.labTest(cmd.Context(), l, fault) })
	c.Flags().StringVar(&fault, "fault", "", "plant this fault in the ruleset or the wiring first: the test must find it, and ends when it does; \"list\" lists them")
	c.RegisterFlagCompletionFunc("fault", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for name, means := range lab.AllFaults() {
			names = append(names, name+"\t"+means)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

type labTestJSON struct {
	Schema        string  `json:"schema"`
	Site          string  `json:"site"`
	VLANs         string  `json:"vlans"` // "tagged", or "separate links" where the kernel lacks 802.1Q
	Fault         string  `json:"fault,omitempty"`
	Conversations int     `json:"conversations"`
	Seconds       float64 `json:"seconds"`
	probe.Report
}

func (p *program) labTest(ctx context.Context, l *loaded, fault string) (err error) {
	opt := lab.Options{Now: l.now}
	if fault == "list" {
		return p.listFaults()
	}
	if fault != "" {
		if err := opt.Plant(fault); err != nil {
			return usageError("%w; --fault list lists them", err)
		}
	}
	start := time.Now()
	standing, err := lab.New(ctx, l.Site, fmt.Sprintf("test-%d", os.Getpid()), opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, standing.Close()) }()
	doc := labTestJSON{Schema: "glacis/lab-test/v1", Site: l.Name, VLANs: vlans(standing.Tagged), Fault: fault}
	show, end := p.progress("packets")
	doc.Report, err = standing.Probe(ctx, fault != "", show)
	end()
	if err != nil {
		return err
	}
	if fault == "" || len(doc.Disagree) == 0 {
		if err := p.labTalk(ctx, standing, &doc); err != nil {
			return err
		}
	}
	doc.Seconds = time.Since(start).Seconds()
	if p.json {
		err = p.printJSON(doc)
	} else {
		p.labTestText(l, doc)
	}
	if err == nil && len(doc.Disagree) > 0 {
		err = found()
	}
	return err
}

// labTalk adds the hosts and lets them talk.
func (p *program) labTalk(ctx context.Context, standing *lab.Lab, doc *labTestJSON) error {
	if err := errors.Join(standing.AddHosts(ctx), standing.Listen()); err != nil {
		return err
	}
	show, end := p.progress("conversations")
	talks, err := standing.Talk(ctx, show)
	end()
	if err != nil {
		return err
	}
	doc.Conversations = len(talks)
	for _, t := range talks {
		if !t.Agrees() {
			doc.Disagree = append(doc.Disagree, probe.Disagreement{Name: "conversation of " + t.From.Name + " with " + t.Service, Packet: t.Packet.String(),
				Predicted: fmt.Sprintf("%s, by %s", t.Predicted, t.Rule), Evaluated: "(not asked)", Observed: t.Observed})
		}
	}
	return nil
}

func vlans(tagged bool) string {
	if tagged {
		return "tagged"
	}
	return "separate links"
}

// maxShown is how many disagreements are shown to people; --json has all.
const maxShown = 20

func (p *program) labTestText(l *loaded, doc labTestJSON) {
	for k, d := range doc.Disagree {
		if k == maxShown {
			fmt.Fprintf(p.Stdout, "... and %d more (--json shows all)\n\n", len(doc.Disagree)-k)
			break
		}
		fmt.Fprintf(p.Stdout, "DISAGREE  %s\n  packet     %s\n  model      %s\n  evaluator  %s\n  kernel     %s\n\n", d.Name, d.Packet, d.Predicted, d.Evaluated, d.Observed)
	}
	how := "VLANs are 802.1Q tags on a trunk"
	if doc.VLANs != vlans(true) {
		how = "this kernel has no 802.1Q: each VLAN was a link of its own"
	}
	fmt.Fprintf(p.Stdout, "%s: %s; %s\n", l.path, strings.ToLower(nodesText(l)), how)
	fmt.Fprintf(p.Stdout, "%s\n", doc.Summary())
	verdict := "AGREE"
	if len(doc.Disagree) > 0 {
		verdict = "DISAGREE"
	}
	fmt.Fprintf(p.Stdout, "%d conversations between machines; %.1f s\n%s\n", doc.Conversations, doc.Seconds, verdict)
}

func nodesText(l *loaded) string {
	if n := len(l.Firewall.Nodes); n > 1 {
		return fmt.Sprintf("%d nodes", n)
	}
	return "one node"
}

func (p *program) listFaults() error {
	if p.json {
		type faultJSON struct {
			Name  string `json:"name"`
			Means string `json:"means"`
		}
		var out []faultJSON
		for name, means := range lab.AllFaults() {
			out = append(out, faultJSON{name, means})
		}
		return p.printJSON(map[string]any{"schema": "glacis/faults/v1", "faults": out})
	}
	for name, means := range lab.AllFaults() {
		fmt.Fprintf(p.Stdout, "%-26s %s\n", name, means)
	}
	return nil
}
