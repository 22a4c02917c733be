// Package linux is the kernel boundary: network namespaces, links, addresses,
// routes, kernel settings and rulesets. Nothing above it makes a system call.
package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespaceDir is where ip-netns(8) keeps named namespaces.
const namespaceDir = "/run/netns"

// Namespace is a named network namespace, as `ip netns` lists it.
type Namespace struct {
	Name   string
	fd     netns.NsHandle
	handle *netlink.Handle
}

// NewNamespace makes a network namespace with its loopback up. It needs root.
func NewNamespace(name string) (*Namespace, error) {
	if name == "" || strings.ContainsAny(name, "/ ") || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("namespace name %q", name)
	}
	var made netns.NsHandle
	err := onLockedThread(func() (err error) {
		made, err = netns.NewNamed(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, err)
	}
	made.Close()
	n, err := OpenNamespace(name)
	if err != nil {
		netns.DeleteNamed(name)
		return nil, err
	}
	if err := n.SetUp("lo"); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// OpenNamespace opens one that exists.
func OpenNamespace(name string) (*Namespace, error) {
	fd, err := netns.GetFromPath(filepath.Join(namespaceDir, name))
	if err != nil {
		return nil, fmt.Errorf("open namespace %s: %w", name, err)
	}
	// Named, because by default it wants IPsec, too, which a kernel may lack.
	h, err := netlink.NewHandleAt(fd, unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER)
	if err != nil {
		fd.Close()
		return nil, fmt.Errorf("open namespace %s: %w", name, err)
	}
	return &Namespace{Name: name, fd: fd, handle: h}, nil
}

// Namespaces lists the names of existing namespaces that begin with prefix.
func Namespaces(prefix string) ([]string, error) {
	entries, err := os.ReadDir(namespaceDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// Release lets go of the namespace without deleting it.
func (n *Namespace) Release() {
	n.handle.Close()
	n.fd.Close()
}

// Close deletes the namespace with all links in it. Processes still in it keep
// it alive until they end, without a name.
func (n *Namespace) Close() error {
	n.Release()
	return DeleteNamespace(n.Name)
}

// DeleteNamespace deletes a namespace by name; none of that name is no error.
func DeleteNamespace(name string) error {
	err := netns.DeleteNamed(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Do runs f in the namespace, on a thread of its own: sockets that f makes stay
// in the namespace; goroutines that f starts do not begin there.
func (n *Namespace) Do(f func() error) error {
	return onLockedThread(func() error {
		if err := netns.Set(n.fd); err != nil {
			return fmt.Errorf("enter namespace %s: %w", n.Name, err)
		}
		return f()
	})
}

// onLockedThread runs f on a thread that is thrown away afterwards, for its
// namespace may have changed. The goroutine never unlocks it, so the runtime
// ends the thread.
func onLockedThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// Command prepares a program to run in the namespace with its own view of /sys,
// by ip-netns(8), which needs no shell.
func (n *Namespace) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.Name, name}, args...)...)
}

// SetSysctl writes a kernel setting of the namespace, its key in slash form
// below /proc/sys.
func (n *Namespace) SetSysctl(key, value string) error {
	path := filepath.Join("/proc/sys", key)
	if !strings.HasPrefix(path, "/proc/sys/net/") {
		return fmt.Errorf("sysctl %s is not a network setting", key)
	}
	return n.Do(func() error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("sysctl %s: %w", key, err)
		}
		defer f.Close()
		if _, err := f.WriteString(value); err != nil {
			return fmt.Errorf("sysctl %s = %s: %w", key, value, err)
		}
		return nil
	})
}

// IsRoot reports whether the process may make namespaces.
func IsRoot() bool { return unix.Geteuid() == 0 }
