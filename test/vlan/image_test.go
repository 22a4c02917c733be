package main

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestArchive holds the bytes against what cpio(1) writes for the same files:
// fields of eight hexadecimal digits, names and bodies padded to four bytes.
func TestArchive(t *testing.T) {
	var got bytes.Buffer
	a := newArchive(&got)
	a.charDevice("dev/console", 5, 1)
	a.file("a/b", true, []byte("hello"))
	a.file("a/c", false, nil)
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	head := func(ino, mode, links, size, major, minor, name string) string {
		zero := "00000000"
		return "070701" + ino + mode + zero + zero + links + zero + size + zero + zero + major + minor + name + zero
	}
	const n0, n1 = "00000000", "00000001"
	want := head("00000001", "000041ED", n1, n0, n0, n0, "00000004") + "dev\x00\x00\x00" +
		head("00000002", "00002180", n1, n0, "00000005", n1, "0000000C") + "dev/console\x00\x00\x00" +
		head("00000003", "000041ED", n1, n0, n0, n0, "00000002") + "a\x00" +
		head("00000004", "000081ED", n1, "00000005", n0, n0, "00000004") + "a/b\x00\x00\x00" + "hello\x00\x00\x00" +
		head("00000005", "000081A4", n1, n0, n0, n0, "00000004") + "a/c\x00\x00\x00" +
		head("00000006", n0, n1, n0, n0, n0, "0000000B") + "TRAILER!!!\x00\x00\x00\x00"
	if got.String() != want {
		t.Errorf("got\n%q\nwant\n%q", got.String(), want)
	}
}

func TestLoadOrder(t *testing.T) {
	dep := "kernel/net/a-b.ko.xz: kernel/net/c.ko.xz kernel/net/d.ko.xz\nkernel/net/c.ko.xz: kernel/net/d.ko.xz\nkernel/net/d.ko.xz:\n"
	builtin := "kernel/net/inside.ko\n"
	got, err := loadOrder(dep, builtin, []string{"c", "inside", "a_b"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"kernel/net/d.ko.xz", "kernel/net/c.ko.xz", "kernel/net/a-b.ko.xz"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := loadOrder(dep, builtin, []string{"8021q"}); err == nil {
		t.Error("a module that is not there is no error")
	}
}

func TestCloudKernels(t *testing.T) {
	got := cloudKernels([]string{"linux-image-6.12.9+deb12-cloud-amd64", "linux-image-cloud-amd64", "linux-image-6.12-cloud-amd64",
		"linux-image-6.1.0-9-cloud-amd64", "linux-image-6.12.117+deb12-cloud-amd64", "linux-image-6.1.0-56-cloud-amd64", "linux-image-6.12.117+deb12-cloud-amd64-dbg"})
	want := []string{"linux-image-6.1.0-9-cloud-amd64", "linux-image-6.1.0-56-cloud-amd64", "linux-image-6.12.9+deb12-cloud-amd64", "linux-image-6.12.117+deb12-cloud-amd64"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLibraries(t *testing.T) {
	got := libraries("\tlinux-vdso.so.1 (0x7f)\n\tlibmnl.so.0 => /lib/x/libmnl.so.0 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n")
	if want := []string{"/lib/x/libmnl.so.0", "/lib64/ld-linux-x86-64.so.2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestListen(t *testing.T) {
	serial := "{\"Name\":\"a\",\"Exit\":3}\r\n{\"Name\":\"b\"}\r\nexit 0\r\n"
	var names []string
	last, err := listen(bufio.NewScanner(strings.NewReader(serial)), func(r result) { names = append(names, r.Name) })
	if err != nil || last != "exit 0" || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("%v, %q, %v", names, last, err)
	}
	last, err = listen(bufio.NewScanner(strings.NewReader("guest: no module\nexit 1\n")), nil)
	if err != nil || last != "guest: no module\nexit 1" {
		t.Errorf("%q, %v", last, err)
	}
	if _, err := listen(bufio.NewScanner(strings.NewReader("{\"Name\":")), nil); err == nil {
		t.Error("half a line is no error")
	}
}
