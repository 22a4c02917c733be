package main

import (
	"bufio"
	"fmt"
	"io"
	"path"
)

// archive writes the format that the kernel unpacks as its first file system,
// "newc" (cpio(5), and early-userspace/buffer-format in the kernel's own
// documentation). The first error sticks and comes out of close.
type archive struct {
	w    *bufio.Writer
	err  error
	next int // inode number
	dirs map[string]bool
}

func newArchive(w io.Writer) *archive {
	return &archive{w: bufio.NewWriter(w), dirs: map[string]bool{".": true}}
}

// file adds a regular file, with the directories on the way to it.
func (a *archive) file(name string, executable bool, body []byte) {
	mode := 0o100644
	if executable {
		mode = 0o100755
	}
	a.dir(path.Dir(name))
	a.entry(name, mode, 0, 0, body)
}

func (a *archive) dir(name string) {
	if a.dirs[name] {
		return
	}
	a.dirs[name] = true
	a.dir(path.Dir(name))
	a.entry(name, 0o40755, 0, 0, nil)
}

// charDevice adds a character device, as in mknod(1).
func (a *archive) charDevice(name string, major, minor int) {
	a.dir(path.Dir(name))
	a.entry(name, 0o20600, major, minor, nil)
}

func (a *archive) entry(name string, mode, major, minor int, body []byte) {
	a.next++
	const owner, group, links, modified, device, checksum = 0, 0, 1, 0, 0, 0
	a.print("070701")
	for _, field := range []int{a.next, mode, owner, group, links, modified, len(body), device, device, major, minor, len(name) + 1, checksum} {
		a.print(fmt.Sprintf("%08X", field))
	}
	a.print(name + "\x00")
	a.pad(110 + len(name) + 1)
	a.print(string(body))
	a.pad(len(body))
}

// pad fills up to a multiple of four what is n bytes long.
func (a *archive) pad(n int) { a.print("\x00\x00\x00"[:(4-n%4)%4]) }

func (a *archive) print(s string) {
	if a.err == nil {
		_, a.err = a.w.WriteString(s)
	}
}

func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, 0, 0, nil)
	if a.err != nil {
		return a.err
	}
	return a.w.Flush()
}
