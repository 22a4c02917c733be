package cli

import (
	"github.com/spf13/cobra"
)

// completion adds cobra's completion command, which prints a script for the
// shell, and completes the values of global flags.
func (p *program) completion(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Short, c.Example = "say how a command is used", "  glacis help check\n  glacis check --help"
		case "completion":
			c.Short, c.Example = "print a completion script for your shell", "  source <(glacis completion bash)"
			for _, shell := range c.Commands() {
				shell.Short, shell.Example = "print the completion script for "+shell.Name(), completionExample[shell.Name()]
			}
		}
	}
	root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	root.RegisterFlagCompletionFunc("at", cobra.NoFileCompletions)
}

var completionExample = map[string]string{
	"bash":       "  glacis completion bash > /etc/bash_completion.d/glacis",
	"zsh":        "  glacis completion zsh > \"${fpath[1]}/_glacis\"",
	"fish":       "  glacis completion fish > ~/.config/fish/completions/glacis.fish",
	"powershell": "  glacis completion powershell | Out-String | Invoke-Expression",
}

// completeSite offers directories and YAML files for the one SITE argument.
func completeSite(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeRender offers the parts, and files as long as the site is not given.
func completeRender(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	parts := append([]string{"all"}, renderParts...)
	if len(args) == 0 {
		return parts, cobra.ShellCompDirectiveDefault
	}
	if path, _, err := renderArgs(args); err != nil || path != args[0] || len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return parts, cobra.ShellCompDirectiveNoFileComp
}

// completeNode offers the nodes of the site being typed, of the site here if
// none is typed yet.
func (p *program) completeNode(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	path, _, err := renderArgs(args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	l, err := p.load(path)
	if err != nil || l.Site == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nodeNames(l), cobra.ShellCompDirectiveNoFileComp
}
