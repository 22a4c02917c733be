package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// machine is how the guest is built: as plain as can be, without the host's
// help, without disk or network. What it has to say comes by its first serial
// port; the second is the kernel's console.
func machine(kernel, image, console, site string, memory int) []string {
	return []string{
		"-machine", "pc,accel=tcg", "-cpu", "max", "-smp", "1", "-m", strconv.Itoa(memory),
		"-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-net", "none", "-no-reboot",
		"-serial", "stdio", "-serial", "file:" + console,
		"-kernel", kernel, "-initrd", image,
		"-append", "console=ttyS1 quiet panic=-1 mitigations=off nokaslr no_timer_check audit=0 -- " + site,
	}
}

// boot runs the guest for a site and hands over each result as it comes. It is an error if
// the guest did not come to its end.
func boot(ctx context.Context, b build, site string, memory int, each func(result)) error {
	kernels := glob(filepath.Join(b.kernel, "boot/vmlinuz-*"))
	if len(kernels) != 1 {
		return fmt.Errorf("%s holds %d kernels", filepath.Base(b.kernel), len(kernels))
	}
	console := b.console + site + ".log"
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", machine(kernels[0], b.image, console, site, memory)...)
	cmd.Stderr = os.Stderr
	serial, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	last, err := listen(bufio.NewScanner(serial), each)
	err = errors.Join(err, cmd.Wait())
	if ctx.Err() != nil {
		err = fmt.Errorf("the guest did not come to an end in time: %w", ctx.Err())
	} else if err == nil && last != "exit 0" {
		err = fmt.Errorf("the guest ended with %q", last)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", site, err, tail(console))
	}
	return nil
}

const longestLine = 4 << 20

// listen reads results until the last line, which it returns. Lines that are
// none are kept with it: they say what went wrong.
func listen(lines *bufio.Scanner, each func(result)) (string, error) {
	lines.Buffer(nil, longestLine)
	last := ""
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if !strings.HasPrefix(line, "{") {
			last = strings.TrimSpace(last + "\n" + line)
			continue
		}
		var r result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return last, fmt.Errorf("the guest wrote %.200q: %w", line, err)
		}
		each(r)
	}
	return last, lines.Err()
}

// tail is the end of what the kernel said.
func tail(console string) string {
	text, err := os.ReadFile(console)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "console: " + strings.Join(lines[max(0, len(lines)-15):], "\n")
}
