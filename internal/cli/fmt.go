package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"glacis/internal/diag"
	"glacis/internal/site"

	"github.com/pmezard/go-difflib/difflib"
	"github.com/spf13/cobra"
)

type fmtOptions struct{ check, diff bool }

func (p *program) fmtCommand() *cobra.Command {
	var opt fmtOptions
	c := &cobra.Command{
		Use:   "fmt [SITE|FILE]",
		Short: "put site files into their canonical form",
		Long: `Fmt rewrites the files of a site, tests included, as the language writes them:
indentation, spaces, quotes. What a file means, its comments and its order stay.
Files are replaced whole or not at all; a file that is not understood is left as
it is. With - it reads standard input and writes standard output.

With --check nothing is written: files that would change are listed, exit status 3.`,
		Example: `  glacis fmt .
  glacis fmt --check --diff examples/enterprise
  glacis fmt - < rules.yaml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeSite,
		RunE:              func(_ *cobra.Command, args []string) error { return p.format(siteArg(args), opt) },
	}
	c.Flags().BoolVar(&opt.check, "check", false, "write nothing; exit with 3 if a file would change")
	c.Flags().BoolVar(&opt.diff, "diff", false, "write nothing; show what would change")
	return c
}

// formatted is one file before and after.
type formatted struct {
	name          string
	before, after []byte
}

func (f formatted) changed() bool { return !bytes.Equal(f.before, f.after) }

type fmtJSON struct {
	Schema  string   `json:"schema"`
	Files   int      `json:"files"`
	Changed []string `json:"changed"` // with --check or --diff: would change
	Written bool     `json:"written"`
}

// format reads and formats everything before it writes anything.
func (p *program) format(path string, opt fmtOptions) error {
	files, err := p.readForFormat(path)
	if err != nil {
		return err
	}
	if err := p.formatAll(files); err != nil {
		return err
	}
	dry := opt.check || opt.diff
	if path == "-" && !dry {
		_, err := p.Stdout.Write(files[0].after)
		return err
	}
	doc := fmtJSON{Schema: "glacis/fmt/v1", Files: len(files), Changed: []string{}, Written: !dry}
	for _, f := range files {
		if !f.changed() {
			continue
		}
		doc.Changed = append(doc.Changed, f.name)
		if err := p.formatOne(f, opt); err != nil {
			return err
		}
	}
	if p.json {
		err = p.printJSON(doc)
	}
	if err == nil && opt.check && len(doc.Changed) > 0 {
		return found()
	}
	return err
}

// formatOne writes or shows one file that changes.
func (p *program) formatOne(f formatted, opt fmtOptions) error {
	dry := opt.check || opt.diff
	if !dry {
		if err := replaceFile(f.name, f.after); err != nil {
			return err
		}
	}
	if p.json {
		return nil
	}
	if opt.diff {
		return difflib.WriteUnifiedDiff(p.Stdout, difflib.UnifiedDiff{
			A: difflib.SplitLines(string(f.before)), B: difflib.SplitLines(string(f.after)),
			FromFile: f.name, ToFile: f.name + " (formatted)", Context: 3,
		})
	}
	_, err := fmt.Fprintln(p.Stdout, f.name)
	return err
}

// readForFormat reads standard input, one file, or the files of a site.
func (p *program) readForFormat(path string) ([]formatted, error) {
	if path == "-" {
		text, err := p.readStdin()
		return []formatted{{name: "-", before: text}}, err
	}
	names := []string{path}
	info, err := os.Stat(path)
	if err != nil {
		return nil, usageError("cannot read: %w", err)
	}
	if info.IsDir() {
		if names, err = siteFiles(path); err != nil {
			return nil, err
		}
	}
	var out []formatted
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, usageError("cannot read: %w", err)
		}
		out = append(out, formatted{name: name, before: text})
	}
	return out, nil
}

// siteFiles lists the files of a site and its tests.
func siteFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, usageError("cannot read: %w", err)
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() && (site.IsSiteFile(e.Name()) || site.IsTestFile(e.Name())) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	if len(out) == 0 {
		return nil, usageError("there is no site in %s: no .yaml file", dir)
	}
	return out, nil
}

func (p *program) formatAll(files []formatted) error {
	var diags diag.List
	src := diag.Sources{}
	for k := range files {
		f := &files[k]
		after, list := site.Format(f.name, f.before)
		f.after = after
		src[f.name] = f.before
		diags = append(diags, list...)
	}
	if diags.HasErrors() {
		return p.refuse("the file", diags, src, ".")
	}
	return nil
}
