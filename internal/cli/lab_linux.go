package cli

import (
	"github.com/spf13/cobra"
)

func (p *program) labCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "build the site in network namespaces and send it real packets",
		Long: `A lab is the whole site on one Linux machine: both nodes of the firewall with
exactly the configuration they would load, every host listening on what it is
meant to serve, and the networks between them. It needs root and nftables, and
touches nothing outside namespaces of its own.`,
		Example: `  sudo glacis lab test examples/enterprise
  sudo glacis lab up examples/enterprise
  sudo glacis lab exec guest ping -c 1 203.0.113.80
  sudo glacis lab down`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(p.labTestCommand(), p.labUpCommand(), p.labDownCommand(), p.labExecCommand(), p.labKeepCommand())
	return c
}
