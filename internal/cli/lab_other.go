//go:build !linux

package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

// labCommand says what it needs: namespaces exist on Linux only.
func (p *program) labCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "lab",
		Short:   "build the site in network namespaces and send it real packets (Linux only)",
		Example: "  sudo glacis lab test SITE    # on Linux",
		RunE: func(*cobra.Command, []string) error {
			return errors.New("a lab needs Linux: it makes network namespaces")
		},
	}
}
