// Package cli is the command line: one file for each command. Run is the whole
// program with its edges as arguments; nothing below it writes to the terminal
// or ends the process.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// Env is what the program touches of the world it runs in.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
}

// Exit codes, the same for every command.
const (
	exitClean  = 0 // nothing to report
	exitFailed = 1 // the command itself failed
	exitUsage  = 2 // wrong usage, or an input that cannot be read or understood
	exitFound  = 3 // it worked and found something
)

const exitStatus = `
EXIT STATUS
  0  clean
  1  the command itself failed
  2  wrong usage, or an input that cannot be read or understood
  3  it worked and found something: a difference, a failed test, a warning with --strict
`

// exitError ends a command with a code. With a nil cause everything has been
// said already.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.cause.Error()
}

func (e *exitError) Unwrap() error { return e.cause }

// usageError is an error of the person who typed the command.
func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// found ends a command that worked and has shown what it found.
func found() error { return &exitError{code: exitFound} }

// program is one run of the command line: its edges and its global flags.
type program struct {
	Env
	json   bool
	strict bool
	color  string
	at     string
}

// Run runs one command and returns the exit code.
func Run(ctx context.Context, env Env, args []string) int {
	p := &program{Env: env}
	root := p.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	p.json = p.json || slices.Contains(args, "--json") // if the flags before it were wrong
	return p.exitCode(err)
}

// exitCode says what went wrong, once, and gives the code for it. Errors that
// carry no code are those of the command itself, except those that cobra makes
// of what was typed (see root).
func (p *program) exitCode(err error) int {
	if err == nil {
		return exitClean
	}
	code := exitFailed
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
		if exit.cause == nil {
			return code
		}
	}
	if p.json {
		p.printJSON(map[string]any{"schema": "glacis/error/v1", "error": err.Error(), "exit": code})
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(p.Stderr, "glacis: interrupted; what was started has been taken down")
		return code
	}
	fmt.Fprintf(p.Stderr, "glacis: %v\n", err)
	return code
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "glacis",
		Short: "shrink and guard a network's attack surface",
		Long: `Glacis shrinks and guards a network's attack surface. You declare one site:
its zones, the firewall between them, its hosts, and who may talk to whom and
why. Glacis checks it, compiles it to Linux firewalls, and tests it with real
packets in network namespaces.`,
		Example: `  glacis init my-site           # a small commented site to begin with
  glacis check my-site          # is it sound?
  glacis matrix my-site         # who may talk to whom
  glacis explain my-site "tcp 203.0.113.9 -> 192.0.2.10:25"
  sudo glacis lab test my-site  # real packets through a real kernel`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	flags := root.PersistentFlags()
	flags.BoolVar(&p.json, "json", false, "print one JSON document instead of text")
	flags.BoolVar(&p.strict, "strict", false, "exit with 3 if there are warnings")
	flags.StringVar(&p.color, "color", "auto", "colour: auto, always or never")
	flags.StringVar(&p.at, "at", "", "judge as of this date, YYYY-MM-DD, instead of today: exceptions expire")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w (see %s --help)", err, cmd.CommandPath())
	})
	root.AddCommand(p.initCommand(), p.checkCommand(), p.fmtCommand(), p.testCommand(), p.explainCommand(), p.matrixCommand(), p.diffCommand(),
		p.renderCommand(), p.labCommand(), p.schemaCommand(), p.versionCommand())
	p.completion(root)
	for _, c := range allCommands(root) {
		c.SetHelpTemplate(helpTemplate)
		c.Args = asUsage(c.Args)
	}
	return root
}

const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}` + exitStatus

// allCommands lists a command and everything below it.
func allCommands(c *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		out = append(out, allCommands(sub)...)
	}
	return out
}

// asUsage makes wrong arguments an error of usage.
func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return usageError("%w (see %s --help)", err, cmd.CommandPath())
		}
		return nil
	}
}

// now is the moment that everything is judged at.
func (p *program) now() (time.Time, error) {
	if p.at == "" {
		return p.Now(), nil
	}
	t, err := time.Parse(time.DateOnly, p.at)
	if err != nil {
		return time.Time{}, usageError("--at %q is not a date: write it like 2027-06-30", p.at)
	}
	return t, nil
}
