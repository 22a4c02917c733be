package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"
	"glacis/internal/site"

	"github.com/spf13/cobra"
)

// siteArg gives the SITE argument, the current directory if there is none.
func siteArg(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

// openSite opens the files of a site: a directory, or one file (and the lists
// it names beside it). Nothing outside the directory can be read through it.
func openSite(path string) (fsys fs.FS, dir string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", usageError("cannot read the site: %w", err)
	}
	dir = path
	if !info.IsDir() {
		dir = filepath.Dir(path)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, "", usageError("cannot read the site: %w", err)
	}
	fsys = root.FS()
	if !info.IsDir() {
		fsys = singleFile{fsys, filepath.Base(path)}
	}
	return fsys, dir, nil
}

// singleFile is a directory in which only one file is listed.
type singleFile struct {
	fs.FS
	name string
}

// ReadDir lists the one file.
func (s singleFile) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return fs.ReadDir(s.FS, name)
	}
	info, err := fs.Stat(s.FS, s.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}

// loaded is a site that was understood, with what was noticed on the way.
type loaded struct {
	*policy.Site
	path  string
	files fs.FS
	dir   string // what names of files are relative to
	now   time.Time
	diags diag.List
	src   diag.Sources
}

// load reads a site. The error is only for what kept it from being read; a site
// that was read and not understood has a nil Site.
func (p *program) load(path string) (*loaded, error) {
	now, err := p.now()
	if err != nil {
		return nil, err
	}
	files, dir, err := openSite(path)
	if err != nil {
		return nil, err
	}
	l := &loaded{path: path, files: files, dir: dir, now: now}
	l.Site, l.diags, l.src = site.Load(files, site.Options{Now: now})
	return l, nil
}

// mustLoad reads a site for a command that needs it whole: errors are shown and
// end the command.
func (p *program) mustLoad(path string) (*loaded, error) {
	l, err := p.load(path)
	if err != nil {
		return nil, err
	}
	if l.Site != nil {
		return l, nil
	}
	return nil, p.refuse(l.diags, l.src, l.dir)
}

// refuse shows why an input cannot be used.
func (p *program) refuse(list diag.List, src diag.Sources, dir string) error {
	if p.json {
		err := p.printJSON(map[string]any{"schema": "glacis/error/v1", "error": "the input cannot be understood", "exit": exitUsage,
			"diagnostics": diagnosticsJSON(list, dir)})
		if err != nil {
			return err
		}
	}
	if err := p.renderDiagnostics(p.Stderr, list, src, dir); err != nil {
		return err
	}
	return usageError("the site cannot be understood: %d errors; nothing was done", list.Count(diag.Error))
}

// withSite makes the common frame of commands on one site.
func (p *program) withSite(cmd *cobra.Command, run func(*cobra.Command, *loaded) error) *cobra.Command {
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		l, err := p.mustLoad(siteArg(args))
		if err != nil {
			return err
		}
		return run(cmd, l)
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return cmd
}

// locate names a file of the site as the person who typed the command would.
func locate(dir, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

func summaryLine(list diag.List) string {
	return fmt.Sprintf("%d errors, %d warnings", list.Count(diag.Error), list.Count(diag.Warning))
}
