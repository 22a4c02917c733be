package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// image writes the guest's first and only file system: this program as init,
// the command under test, the programs that it runs, sites and modules.
func image(ctx context.Context, b build) (err error) {
	f, err := os.Create(b.image)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	a := newArchive(f)
	a.charDevice("dev/console", 5, 1)
	j := job{Trials: b.trials}
	for _, m := range b.modules {
		j.Modules = append(j.Modules, moduleDir+"/"+filepath.Base(m))
		if err := copyFile(a, m, moduleDir+"/"+filepath.Base(m)); err != nil {
			return err
		}
	}
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	a.file(jobFile, false, text)
	if err := errors.Join(copyFile(a, b.init, "init"), copyFile(a, b.command, commandFile), copySites(a, b.sites)); err != nil {
		return err
	}
	if err := copyPrograms(ctx, a, "nft", "ip"); err != nil {
		return err
	}
	return a.close()
}

// copyFile adds a file of this machine; what is a symbolic link is followed.
func copyFile(a *archive, from, to string) error {
	body, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	a.file(to, true, body)
	return nil
}

func copySites(a *archive, sites map[string]string) error {
	for name, dir := range sites {
		err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return copyFile(a, filepath.Join(dir, p), siteDir+"/"+name+"/"+p)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyPrograms adds programs with the shared libraries they need.
func copyPrograms(ctx context.Context, a *archive, names ...string) error {
	copied := map[string]bool{}
	for _, name := range names {
		file, err := program(name)
		if err != nil {
			return err
		}
		if err := copyFile(a, file, "usr/sbin/"+name); err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, "ldd", file).Output()
		if err != nil {
			return fmt.Errorf("ldd %s: %w", file, err)
		}
		for _, lib := range libraries(string(out)) {
			if copied[lib] {
				continue
			}
			copied[lib] = true
			if err := copyFile(a, lib, strings.TrimPrefix(lib, "/")); err != nil {
				return err
			}
		}
	}
	return nil
}

// libraries reads what ldd(1) prints: the files, not what the kernel provides.
func libraries(ldd string) []string {
	var out []string
	for line := range strings.Lines(ldd) {
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "/") {
				out = append(out, word)
			}
		}
	}
	return out
}
