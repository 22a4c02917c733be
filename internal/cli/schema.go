package cli

import (
	"glacis/internal/site"

	"github.com/spf13/cobra"
)

func (p *program) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [site|tests]",
		Short: "print the JSON Schema of the site language, for editors",
		Long: `Schema prints the JSON Schema (draft 2020-12) of site files, or of the files of
packet tests, so that editors complete and check them. It is made from the very
tables that the reader reads by.`,
		Example: `  glacis schema > glacis.schema.json
  glacis schema tests > glacis-tests.schema.json
  # yaml-language-server: $schema=glacis.schema.json   (first line of a site file)`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"site", "tests"},
		RunE: func(_ *cobra.Command, args []string) error {
			text := site.Schema()
			if len(args) > 0 && args[0] == "tests" {
				text = site.TestSchema()
			}
			_, err := p.Stdout.Write(text)
			return err
		},
	}
}
