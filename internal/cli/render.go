package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"glacis/internal/compile"
	"glacis/internal/nft"

	"github.com/spf13/cobra"
)

// renderParts are what can be shown of a node, in the order of "all".
var renderParts = []string{"nft", "network", "sysctl"}

func (p *program) renderCommand() *cobra.Command {
	var node string
	c := &cobra.Command{
		Use:   "render [SITE] [--node NODE] [nft|network|sysctl|all]",
		Short: "show what would be installed on a node of the firewall",
		Long: `Render compiles the site for one node and prints what would be installed there:
the nftables ruleset (as nft -f loads it), links, addresses and routes, and
kernel settings. The same site always gives the same text.`,
		Example: `  glacis render examples/enterprise --node edge-a nft > edge-a.nft
  glacis render . network`,
		Args:      cobra.MaximumNArgs(2),
		ValidArgs: append(slices.Clone(renderParts), "all"),
		RunE: func(_ *cobra.Command, args []string) error {
			path, part, err := renderArgs(args)
			if err != nil {
				return err
			}
			return p.render(path, node, part)
		},
	}
	c.Flags().StringVar(&node, "node", "", "which node; the first if not given")
	c.RegisterFlagCompletionFunc("node", func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return p.nodeNames(args), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

// nodeNames lists the nodes of the site being typed, for completion.
func (p *program) nodeNames(args []string) []string {
	l, err := p.load(siteArg(args))
	if err != nil || l.Site == nil {
		return nil
	}
	var out []string
	for _, n := range l.Firewall.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// renderArgs reads [SITE] [PART] in that order, either left out.
func renderArgs(args []string) (path, part string, err error) {
	isPart := func(s string) bool { return s == "all" || slices.Contains(renderParts, s) }
	switch {
	case len(args) == 0:
		return ".", "all", nil
	case len(args) == 1 && isPart(args[0]):
		return ".", args[0], nil
	case len(args) == 1:
		return args[0], "all", nil
	case isPart(args[1]):
		return args[0], args[1], nil
	}
	return "", "", usageError("there is no part %q to render: %s or all", args[1], strings.Join(renderParts, ", "))
}

type renderJSON struct {
	Schema  string `json:"schema"`
	Site    string `json:"site"`
	Node    string `json:"node"`
	NFT     string `json:"nft,omitempty"`
	Network string `json:"network,omitempty"`
	Sysctl  string `json:"sysctl,omitempty"`
}

func (p *program) render(path, node, part string) error {
	l, err := p.mustLoad(path)
	if err != nil {
		return err
	}
	if node == "" {
		node = l.Firewall.Nodes[0].Name
	}
	if l.Node(node) == nil {
		return usageError("the firewall has no node %q: %s", node, strings.Join(p.nodeNames([]string{path}), ", "))
	}
	cfg, diags := compile.Compile(l.Site, node, compile.Options{Now: l.now})
	if cfg == nil {
		return p.refuse(diags, l.src, l.dir)
	}
	if p.json {
		return p.renderJSON(cfg, part)
	}
	for _, name := range renderParts {
		if part != "all" && part != name {
			continue
		}
		if part == "all" {
			fmt.Fprintf(p.Stdout, "# %s: %s of %s\n", cfg.Node, name, cfg.Site)
		}
		if err := printPart(p.Stdout, cfg, name); err != nil {
			return err
		}
		if part == "all" && name != renderParts[len(renderParts)-1] {
			fmt.Fprintln(p.Stdout)
		}
	}
	return nil
}

func (p *program) renderJSON(cfg *compile.Config, part string) error {
	doc := renderJSON{Schema: "glacis/render/v1", Site: cfg.Site, Node: cfg.Node}
	for name, into := range map[string]*string{"nft": &doc.NFT, "network": &doc.Network, "sysctl": &doc.Sysctl} {
		if part != "all" && part != name {
			continue
		}
		var b strings.Builder
		if err := printPart(&b, cfg, name); err != nil {
			return err
		}
		*into = b.String()
	}
	return p.printJSON(doc)
}

// printPart writes one part in the form its own tool reads: nft -f, ip -batch
// in part, sysctl.d.
func printPart(w io.Writer, cfg *compile.Config, part string) error {
	switch part {
	case "nft":
		return nft.Print(w, cfg.Ruleset)
	case "network":
		return compile.PrintNetwork(w, cfg)
	}
	return compile.PrintSysctls(w, cfg)
}
