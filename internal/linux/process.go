package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process is one process, told from a later one of the same number by when it
// began.
type Process struct {
	PID     int    `json:"pid"`
	Started string `json:"started"` // clock ticks after boot, proc_pid_stat(5)
}

// FindProcess describes a running process.
func FindProcess(pid int) (Process, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, err
	}
	// The name, in parentheses, may hold anything: fields are counted after it.
	_, rest, found := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 20 {
		return Process{}, fmt.Errorf("process %d: cannot read its state", pid)
	}
	if fields[0] == "Z" {
		return Process{}, os.ErrNotExist
	}
	return Process{PID: pid, Started: fields[19]}, nil
}

// running reports whether it is still the same process.
func (p Process) running() bool {
	now, err := FindProcess(p.PID)
	return err == nil && now == p
}

// How long a process may take to end when asked, before it is made to.
const endPatience = 3 * time.Second

// End asks the process to end, and after a while makes it. A process that has
// gone already, even if another has its number now, is no error.
func (p Process) End() error {
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if p.PID <= 1 || !p.running() {
			return nil
		}
		if err := unix.Kill(p.PID, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("end process %d: %w", p.PID, err)
		}
		for deadline := time.Now().Add(endPatience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if !p.running() {
				return nil
			}
		}
	}
	return fmt.Errorf("process %d does not end", p.PID)
}

// ProcessesIn lists the processes in a namespace, except this one.
func ProcessesIn(namespace string) ([]Process, error) {
	var ns unix.Stat_t
	if err := unix.Stat(filepath.Join(namespaceDir, namespace), &ns); err != nil {
		return nil, fmt.Errorf("namespace %s: %w", namespace, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		var its unix.Stat_t
		if err := unix.Stat(filepath.Join("/proc", e.Name(), "ns/net"), &its); err != nil || its.Ino != ns.Ino || its.Dev != ns.Dev {
			continue // gone, or elsewhere
		}
		if p, err := FindProcess(pid); err == nil {
			out = append(out, p)
		}
	}
	return out, nil
}
