package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"glacis/internal/site"

	"github.com/spf13/cobra"
)

func (p *program) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "write a small commented site to begin with",
		Long: `Init writes a small site into a directory, with comments that explain the
language, and packet tests. It makes the directory if need be and overwrites
nothing: if one of its files is there already, nothing is written.`,
		Example: `  glacis init my-site
  glacis check my-site`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error { return p.initSite(args[0]) },
	}
}

type initJSON struct {
	Schema string   `json:"schema"`
	Files  []string `json:"files"`
}

func (p *program) initSite(dir string) error {
	starter := site.Starter()
	names, err := fs.Glob(starter, "*")
	if err != nil {
		return err
	}
	if err := emptyOf(dir, names); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	doc := initJSON{Schema: "glacis/init/v1"}
	for _, name := range names {
		text, err := fs.ReadFile(starter, name)
		if err == nil {
			err = createFile(filepath.Join(dir, name), text)
		}
		if err != nil {
			return errors.Join(err, removeAll(doc.Files))
		}
		doc.Files = append(doc.Files, filepath.Join(dir, name))
	}
	if p.json {
		return p.printJSON(doc)
	}
	shown := shellQuote(dir)
	_, err = fmt.Fprintf(p.Stdout, "wrote %s\n\nnext:\n  glacis check %s     is it sound?\n  glacis test %s      do its packets fare as expected?\n"+
		"  glacis matrix %s    who may talk to whom\nthen edit the files: they explain themselves\n", strings.Join(doc.Files, ", "), shown, shown, shown)
	return err
}

// emptyOf refuses a directory that holds a site, or one of the files to write.
func emptyOf(dir string, names []string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usageError("cannot make a site in %s: %w", dir, err)
	}
	for _, e := range entries {
		if site.IsSiteFile(e.Name()) || site.IsTestFile(e.Name()) {
			return usageError("%s is there already: init overwrites nothing and adds to no site; name another directory", filepath.Join(dir, e.Name()))
		}
	}
	return nil
}

func removeAll(files []string) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, os.Remove(f))
	}
	return errors.Join(errs...)
}

// shellQuote writes a name as a shell reads it.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./,:@%+=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
