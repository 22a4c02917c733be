package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// job is what the guest has to do.
type job struct {
	Modules []string // files, in the order they load
	Trials  []trial
}

// result is one trial as the guest saw it.
type result struct {
	Name    string
	Exit    int
	Seconds float64
	Stdout  json.RawMessage
	Stderr  string
}

// Where things are in the guest.
const (
	jobFile     = "job.json"
	commandFile = "usr/sbin/glacis"
	siteDir     = "sites"
	moduleDir   = "modules"
)

// guest is the first process of the virtual machine. It loads the modules, runs
// the trials of a site and switches off. Each result is a line on the first serial port;
// the last line says whether all could be run.
func guest(site string) {
	out, err := start()
	if err == nil {
		err = work(out, site)
	}
	if out == nil {
		out = os.Stderr // the console, on the second port
	}
	if err != nil {
		fmt.Fprintf(out, "guest: %v\nexit 1\n", err)
	} else {
		fmt.Fprintln(out, "exit 0")
	}
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // qemu ends instead
}

// start makes the kernel's file systems appear and opens the serial port.
func start() (*os.File, error) {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"}} {
		if err := errors.Join(os.MkdirAll(m[1], 0o755), unix.Mount(m[0], m[1], m[0], 0, "")); err != nil {
			return nil, fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	return os.OpenFile("/dev/ttyS0", os.O_WRONLY, 0)
}

func work(out io.Writer, site string) error {
	text, err := os.ReadFile("/" + jobFile)
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	for _, m := range j.Modules {
		if err := load(m); err != nil {
			return fmt.Errorf("module %s: %w", m, err)
		}
	}
	if err := onlyLoopback(); err != nil {
		return err
	}
	for _, t := range j.Trials {
		if t.Site != site {
			continue
		}
		if err := json.NewEncoder(out).Encode(run(t)); err != nil {
			return err
		}
	}
	return onlyLoopback()
}

// load puts a module into the kernel, which unpacks it if it is compressed.
func load(file string) error {
	f, err := os.Open("/" + file)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if !strings.HasSuffix(file, ".ko") {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	if err := unix.FinitModule(int(f.Fd()), "", flags); err != nil && err != unix.EEXIST {
		return err
	}
	return nil
}

// onlyLoopback makes sure that nothing but the lab's own wires carries packets,
// and that it leaves nothing behind.
func onlyLoopback() error {
	links, err := net.Interfaces()
	if err != nil {
		return err
	}
	if len(links) != 1 || links[0].Name != "lo" {
		return fmt.Errorf("the guest has links of its own: %v", links)
	}
	return nil
}

// run runs the command once.
func run(t trial) result {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("/"+commandFile, t.Args...)
	cmd.Env = []string{"PATH=/usr/sbin", "HOME=/", "GOGC=400"} // memory is there, and time is dear
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begun := time.Now()
	err := cmd.Run()
	r := result{Name: t.Name, Exit: cmd.ProcessState.ExitCode(), Seconds: time.Since(begun).Seconds(), Stderr: stderr.String()}
	if cmd.ProcessState == nil {
		r.Stderr = err.Error()
	}
	if json.Valid(stdout.Bytes()) {
		r.Stdout = stdout.Bytes()
	} else {
		r.Stderr += stdout.String()
	}
	return r
}
