package cli

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReplaceFile: all of the new contents or all of the old.
func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "site.yaml"), filepath.Join(dir, "link.yaml")
	if err := os.WriteFile(name, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("site.yaml", link); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	info, statErr := os.Lstat(name)
	if err != nil || statErr != nil || string(text) != "new" || info.Mode() != 0o640 {
		t.Errorf("%q, %v, %v, %v", text, info.Mode(), err, statErr)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is no link any more: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("something is left over: %v", entries)
	}
}

// TestReplaceFileOnAFullDisk: what cannot be written whole leaves the old file.
// A bound on the size of files stands for the disk's end (setrlimit(2)).
func TestReplaceFileOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "site.yaml")
	if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	err := replaceFile(name, make([]byte, 1<<20))
	if restore := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); restore != nil {
		t.Fatal(restore)
	}
	if err == nil {
		t.Error("a megabyte went into four kilobytes")
	}
	text, readErr := os.ReadFile(name)
	if entries, _ := os.ReadDir(dir); readErr != nil || string(text) != "old" || len(entries) != 1 {
		t.Errorf("%q, %v, left over: %v", text, readErr, entries)
	}
}
