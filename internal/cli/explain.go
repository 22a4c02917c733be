package cli

import (
	"fmt"
	"strings"

	"glacis/internal/diag"
	"glacis/internal/policy"

	"github.com/spf13/cobra"
)

func (p *program) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain SITE PACKET",
		Short: "say what becomes of one packet, and why",
		Long: `Explain says what the site means for one packet: by which interface it comes,
which zones it joins, how it is translated, which rules were tried, and the one
that decides.

A packet is written as people say it:
  tcp 203.0.113.9 -> 192.0.2.10:25     udp [2001:db8::1] -> [2001:db8:20::53]:53
  icmp web1 -> db1 type 8              gre 10.8.9.1 -> 10.64.8.1
and after it, if wanted: in INTERFACE, from-port N, type N, code N, flags
syn,ack, ttl N, state new|established|related|invalid. Hosts may be named.`,
		Example: `  glacis explain examples/enterprise "tcp 203.0.113.9 -> 192.0.2.10:25"
  glacis explain . "tcp 10.99.0.77 -> db1:5432 in guest" --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := p.mustLoad(args[0])
			if err != nil {
				return err
			}
			packet, err := l.ParsePacket(args[1])
			if err != nil {
				return usageError("%w", err)
			}
			d := l.Decide(packet, l.now)
			if p.json {
				return p.printJSON(explainDocument(l, packet, d))
			}
			return p.explainText(l, packet, d)
		},
	}
}

// explainJSON is a decision as scripts see it.
type explainJSON struct {
	Schema    string      `json:"schema"`
	Packet    string      `json:"packet"`
	Verdict   string      `json:"verdict"`
	Rule      string      `json:"rule"`
	Reason    string      `json:"reason"`
	Interface string      `json:"interface,omitempty"`
	Out       string      `json:"out,omitempty"`
	FromZone  string      `json:"from_zone"`
	ToZone    string      `json:"to_zone"`
	NAT       *natJSON    `json:"nat,omitempty"`
	Limit     string      `json:"limit,omitempty"`
	File      string      `json:"file,omitempty"`
	Line      int         `json:"line,omitempty"`
	Tried     []triedJSON `json:"tried,omitempty"`
}

// natJSON is how a packet leaves, where that is not how it came.
type natJSON struct {
	Source      string `json:"source,omitempty"` // NAT entry that translates the source
	Src         string `json:"src,omitempty"`
	Destination string `json:"destination,omitempty"` // NAT entry that translates the destination
	Dst         string `json:"dst,omitempty"`
	Port        uint16 `json:"port,omitempty"`
}

type triedJSON struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	Why     string `json:"why,omitempty"` // what did not match
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
}

func explainDocument(l *loaded, packet policy.Packet, d policy.Decision) explainJSON {
	j := explainJSON{Schema: "glacis/explain/v1", Packet: packet.String(), Verdict: string(d.Verdict), Rule: d.RuleName, Reason: d.Reason,
		FromZone: d.FromZone, ToZone: d.ToZone, Limit: limitText(d)}
	if d.In != nil {
		j.Interface = d.In.Name
	}
	if d.Out != nil {
		j.Out = d.Out.Name
	}
	if d.SrcTranslated || d.DstTranslated {
		j.NAT = &natJSON{}
	}
	if d.DstTranslated {
		j.NAT.Destination, j.NAT.Dst, j.NAT.Port = d.DNAT.Name, d.Dst.String(), d.DstPort
	}
	if d.SrcTranslated {
		j.NAT.Source, j.NAT.Src = d.SNAT.Name, d.Src.String()
	}
	if d.Rule != nil {
		j.File, j.Line = place(l, d.Rule.Range)
	}
	for _, t := range d.Tried {
		file, line := place(l, t.Rule.Range)
		j.Tried = append(j.Tried, triedJSON{t.Rule.Name, t.Matched, t.Why, file, line})
	}
	return j
}

func place(l *loaded, r diag.Range) (file string, line int) {
	if r.File == "" {
		return "", 0
	}
	return locate(l.dir, r.File), r.Start.Line
}

// limitText says which limits a packet counts against.
func limitText(d policy.Decision) string {
	var words []string
	if d.SenderLimit.PerSecond > 0 {
		words = append(words, fmt.Sprintf("each source of %s: %d new connections a second towards the Internet", d.FromZone, d.SenderLimit.PerSecond))
	}
	if l := d.Limited; l != nil {
		who := "all together"
		if l.PerSource {
			who = "each source"
		}
		words = append(words, fmt.Sprintf("%s by this rule: %d a second", who, l.PerSecond))
	}
	return strings.Join(words, "; ")
}

// maxTried is how many rules that did not match are shown before the last one.
const maxTried = 8

func (p *program) explainText(l *loaded, packet policy.Packet, d policy.Decision) error {
	color, err := p.colored(p.Stdout)
	if err != nil {
		return err
	}
	verdict := strings.ToUpper(string(d.Verdict))
	if color {
		verdict = map[policy.Verdict]string{policy.Allowed: "\x1b[1;32m", policy.Dropped: "\x1b[1;31m", policy.Rejected: "\x1b[1;33m"}[d.Verdict] + verdict + "\x1b[0m"
	}
	fmt.Fprintf(p.Stdout, "%s  %s\n", verdict, packet)
	line := func(key, format string, args ...any) {
		fmt.Fprintf(p.Stdout, "  %-10s %s\n", key, fmt.Sprintf(format, args...))
	}
	if d.In != nil {
		line("enters", "by interface %s (%s)", d.In.Name, d.In.Link())
	}
	if d.FromZone != "" || d.ToZone != "" {
		line("zones", "%s to %s", orUnknown(d.FromZone), orUnknown(d.ToZone))
	}
	if d.DstTranslated {
		line("translated", "destination to %s port %d, by %s (%s)", d.Dst, d.DstPort, d.DNAT.Name, where(l, d.DNAT.Range))
	}
	p.triedText(l, d, line)
	line("decided", "by %s: %s", d.RuleName, d.Reason)
	if d.Rule != nil && d.Rule.Range.File != "" {
		line("written", "in %s, owner %s", where(l, d.Rule.Range), orUnknown(d.Rule.Owner))
	}
	if d.SrcTranslated {
		line("leaves", "as %s, by %s (%s)", d.Src, d.SNAT.Name, where(l, d.SNAT.Range))
	}
	if s := limitText(d); s != "" && d.Verdict == policy.Allowed {
		line("limited", "%s", s)
	}
	return nil
}

func (p *program) triedText(l *loaded, d policy.Decision, line func(string, string, ...any)) {
	var missed []policy.Trial
	for _, t := range d.Tried {
		if !t.Matched {
			missed = append(missed, t)
		}
	}
	if n := len(missed) - maxTried; n > 0 {
		line("tried", "%d more rules that do not match", n)
		missed = missed[n:]
	}
	for _, t := range missed {
		line("tried", "%s (%s): no, %s", t.Rule.Name, where(l, t.Rule.Range), t.Why)
	}
}

func where(l *loaded, r diag.Range) string {
	r.File = locate(l.dir, r.File)
	return r.FileLine()
}

func orUnknown(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
