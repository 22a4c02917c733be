package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"glacis/internal/lab"
	"glacis/internal/linux"

	"github.com/spf13/cobra"
)

const defaultLab = "lab"

func (p *program) labUpCommand() *cobra.Command {
	var name string
	c := p.withSite(&cobra.Command{
		Use:   "up [SITE]",
		Short: "build the site in namespaces and leave it standing",
		Long: `Lab up builds the whole site and leaves it standing, every host listening on
what it is meant to serve, until lab down. Besides the hosts each zone has one
machine of its own, by the zone's name. Run programs in it with lab exec, or with
ip netns exec ` + lab.NamespaceName(defaultLab, "HOST") + `.`,
		Example: "  sudo glacis lab up examples/enterprise\n  sudo glacis lab up . --name second",
	}, func(cmd *cobra.Command, l *loaded) error { return p.labUp(cmd.Context(), l, name) })
	c.Flags().StringVar(&name, "name", defaultLab, "what to call it, if there is to be more than one")
	return c
}

func (p *program) labUp(ctx context.Context, l *loaded, name string) error {
	if err := lab.CheckName(name); err != nil {
		return usageError("%w", err)
	}
	if labs, err := lab.StandingLabs(); err != nil {
		return err
	} else if slices.Contains(labs, name) {
		return usageError("a lab %q is standing; take it down with: glacis lab down --name %s", name, name)
	}
	built, err := lab.New(ctx, l.Site, name, lab.Options{Now: l.now})
	if err != nil {
		return err
	}
	if err := built.AddHosts(ctx); err != nil {
		return errors.Join(err, built.Close())
	}
	keeper, err := p.startKeeper(l, name)
	if err != nil {
		return errors.Join(err, built.Close())
	}
	path, _ := filepath.Abs(l.path)
	if err := built.Leave(lab.Standing{Name: name, Site: path, Built: l.now, Keeper: keeper}); err != nil {
		return errors.Join(err, keeper.End(), built.Close())
	}
	return p.labUpText(name)
}

func (p *program) labUpText(name string) error {
	s, err := lab.ReadStanding(name)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(map[string]any{"schema": "glacis/lab/v1", "lab": s})
	}
	fmt.Fprintf(p.Stdout, "lab %s is standing: %d machines\n  %s\n", name, len(s.Members), strings.Join(s.Members, " "))
	flag := ""
	if name != defaultLab {
		flag = " --name " + name
	}
	fmt.Fprintf(p.Stdout, "run a program in it: glacis lab exec%s %s COMMAND\ntake it down:        glacis lab down%s\n", flag, s.Members[0], flag)
	return nil
}

// startKeeper starts the process that holds the hosts' services open. It says
// so when they are.
func (p *program) startKeeper(l *loaded, name string) (linux.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return linux.Process{}, err
	}
	ready, writer, err := os.Pipe()
	if err != nil {
		return linux.Process{}, err
	}
	defer ready.Close()
	cmd := exec.Command(self, "lab", keepCommand, l.path, "--name", name, "--at", l.now.Format(time.DateOnly))
	cmd.Args[0] = os.Args[0]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // survives this terminal
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	writer.Close()
	if err != nil {
		return linux.Process{}, err
	}
	keeper, err := linux.FindProcess(cmd.Process.Pid)
	if err != nil {
		return linux.Process{}, err
	}
	said, err := bufio.NewReader(io.LimitReader(ready, 1<<16)).ReadString('\n')
	if err != nil || said != keeperReady {
		return linux.Process{}, errors.Join(fmt.Errorf("the hosts' services could not be opened: %s", strings.TrimSpace(said)), keeper.End())
	}
	return keeper, cmd.Process.Release()
}

const keeperReady = "ready\n"

// keepCommand is how lab up calls itself: not for people.
const keepCommand = "keep-services"

func (p *program) labKeepCommand() *cobra.Command {
	var name string
	c := p.withSite(&cobra.Command{
		Use:     keepCommand,
		Hidden:  true,
		Short:   "hold open what the hosts of a standing lab listen on (run by lab up)",
		Example: "  glacis lab up SITE",
	}, func(cmd *cobra.Command, l *loaded) error {
		return lab.OpenServices(cmd.Context(), l.Site, name, func() { fmt.Fprint(p.Stdout, keeperReady) })
	})
	c.Flags().StringVar(&name, "name", defaultLab, "the lab")
	return c
}

func (p *program) labDownCommand() *cobra.Command {
	var name string
	var all bool
	c := &cobra.Command{
		Use:     "down",
		Short:   "take a standing lab down",
		Long:    "Lab down ends what runs in the lab's namespaces and deletes them. It also clears\naway what a lab that was killed has left.",
		Example: "  sudo glacis lab down\n  sudo glacis lab down --all",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			names := []string{name}
			if all {
				var err error
				if names, err = lab.StandingLabs(); err != nil {
					return err
				}
			}
			for _, n := range names {
				ended, err := lab.TakeDown(n)
				if err != nil {
					return err
				}
				if !p.json {
					fmt.Fprintf(p.Stdout, "lab %s is down%s\n", n, endedText(ended))
				}
			}
			if p.json {
				return p.printJSON(map[string]any{"schema": "glacis/lab-down/v1", "labs": names})
			}
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", defaultLab, "which lab")
	c.Flags().BoolVar(&all, "all", false, "every lab on this machine, also a lab test that is running")
	return c
}

func endedText(n int) string {
	if n == 0 {
		return ""
	}
	return "; " + count(n, "program") + " that ran in it had to end"
}

func (p *program) labExecCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "exec HOST COMMAND [ARGUMENT...]",
		Short: "run a program on a host, zone or node of a standing lab",
		Long: `Lab exec runs a program in the network of a host, of a zone's own machine, of a
node of the firewall or of a router (router.INTERFACE). Its exit status is that
of the program.`,
		Example: "  sudo glacis lab exec guest nmap -Pn 192.0.2.20\n  sudo glacis lab exec edge-a nft list ruleset",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			members, err := lab.Members(name)
			if err != nil {
				return err
			}
			if len(members) == 0 {
				return usageError("no lab %q is standing; build one with: glacis lab up SITE", name)
			}
			if !slices.Contains(members, args[0]) {
				return usageError("the lab has no %q: %s", args[0], strings.Join(members, ", "))
			}
			return p.execIn(lab.NamespaceName(name, args[0]), args[1], args[2:])
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			members, _ := lab.Members(name)
			return members, cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().SetInterspersed(false) // what follows HOST is the program's
	c.Flags().StringVar(&name, "name", defaultLab, "which lab")
	return c
}

// execIn runs a program in a namespace, connected to our terminal. Signals from
// the terminal reach it directly.
func (p *program) execIn(namespace, program string, args []string) error {
	ns, err := linux.OpenNamespace(namespace)
	if err != nil {
		return err
	}
	defer ns.Release()
	cmd := ns.Command(context.Background(), program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.Stdin, p.Stdout, p.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &exitError{code: exit.ExitCode()}
	}
	return err
}
