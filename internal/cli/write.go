package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// output writes what a command makes to a file, or to stdout for "-". The text
// is complete before the file is touched.
func (p *program) output(name string, text []byte) error {
	if name == "-" {
		_, err := p.Stdout.Write(text)
		return err
	}
	return replaceFile(name, text)
}

// replaceFile gives a file new contents: all of them or none, whatever happens
// in between. It keeps the mode of a file that exists and follows a symbolic
// link. What is no regular file, such as a pipe, is written to.
func replaceFile(name string, text []byte) error {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	mode := fs.FileMode(0o644)
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return writeTo(name, text)
	default:
		mode = info.Mode().Perm()
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	if err := fill(temp, text, mode); err != nil {
		os.Remove(temp.Name())
		return fmt.Errorf("cannot write %s, which is as it was: %w", name, err)
	}
	if err := os.Rename(temp.Name(), name); err != nil {
		os.Remove(temp.Name())
		return err
	}
	return nil
}

// fill writes and closes a file, and has it on the disk before it gets its name.
func fill(f *os.File, text []byte, mode fs.FileMode) error {
	_, err := f.Write(text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func writeTo(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// maxStdin bounds what is read from standard input: as much as a site file.
const maxStdin = 16 << 20

// readStdin reads standard input to its end.
func (p *program) readStdin() ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(p.Stdin, maxStdin+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxStdin:
		return nil, usageError("standard input is larger than %d MB", maxStdin>>20)
	}
	return text, nil
}

// createFile writes a file that must not be there yet; what cannot be written
// whole is removed.
func createFile(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := fill(f, text, 0o644); err != nil {
		os.Remove(name)
		return err
	}
	return nil
}
